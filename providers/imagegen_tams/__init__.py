"""tams provider (being built)."""
