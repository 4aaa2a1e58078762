"""modelslab provider (being built)."""
