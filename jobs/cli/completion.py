"""`aerq completion`: the script that makes a shell complete our commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .failures import InputError

#: The variable with which the shell's script asks `aerq` for completions; click derives it from the name.
_VARIABLE = "_AERQ_COMPLETE"


@click.command(
    epilog="""\b
bash:
  mkdir -p ~/.local/share/bash-completion/completions
  aerq completion bash > ~/.local/share/bash-completion/completions/aerq
zsh (with ~/.zfunc in fpath):
  mkdir -p ~/.zfunc
  aerq completion zsh > ~/.zfunc/_aerq
fish:
  mkdir -p ~/.config/fish/completions
  aerq completion fish > ~/.config/fish/completions/aerq.fish""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script for tab completion in SHELL.

    A new shell completes `aerq` once the script is where the shell looks for it, as shown below.
    """
    maker = get_completion_class(shell)
    if maker is None:  # a click without this shell
        raise InputError(f"there is no completion for {shell}")
    click.echo(maker(ctx.find_root().command, {}, "aerq", _VARIABLE).source())
