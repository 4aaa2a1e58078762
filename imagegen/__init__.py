"""imagegen."""
