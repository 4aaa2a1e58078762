"""
Chance, without any: numbers that look thrown and belong to what they are asked for.

All randomness of the painter comes from here, from a hash of the settings at hand; the global dice are never
touched.  Each topic has a stream of its own, so that a new throw in one place moves nothing in another.
"""

from __future__ import annotations

import hashlib
import json
from random import Random

from attrs import asdict

from .scene import Scene


def canonical(value: object) -> str:
    """*value* as JSON, always in the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def fingerprint(*parts: object) -> str:
    """A hash of *parts* (words, numbers, scenes), in hexadecimal digits."""
    plain = [asdict(part) if isinstance(part, Scene) else part for part in parts]
    return hashlib.sha256(canonical(plain).encode()).hexdigest()


def dice_for(*parts: object) -> Random:
    """A random stream of its own for each topic, so that one setting does not reshuffle another's."""
    return Random(int(fingerprint(*parts), 16))


def share_of(*parts: object) -> float:
    """A number in [0, 1) that belongs to *parts*."""
    return int(fingerprint(*parts)[:8], 16) / 2**32
