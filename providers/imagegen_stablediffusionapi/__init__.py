"""stablediffusionapi provider (being built)."""
