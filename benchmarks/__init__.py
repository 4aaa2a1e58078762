"""What imagegen costs beside bare httpx, as ratios within one run; see README.md here."""
