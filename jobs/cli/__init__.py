"""The `aerq` command."""
