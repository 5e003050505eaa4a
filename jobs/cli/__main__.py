"""`python -m aerq.jobs.cli` is the `aerq` command."""

from .main import main

if __name__ == "__main__":
    main()
