"""The table of motifs: which there are, where each stands, and which words of a prompt call for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from attrs import frozen

from .motifs_animals import animal, bird
from .motifs_buildings import castle, city, house, lighthouse
from .motifs_machines import balloon, boat, robot
from .motifs_nature import flower, forest, mountain, planet, totem, tree
from .motifs_people import portrait
from .pen import Pen


@frozen
class Motif:
    paint: Callable[[Pen], None]
    place: str  # hill, water, horizon, sky or front
    size: float  # of the shorter side, when it is the hero


MOTIFS: dict[str, Motif] = {
    "lighthouse": Motif(lighthouse, "hill", 0.56),
    "boat": Motif(boat, "water", 0.3),
    "tree": Motif(tree, "hill", 0.5),
    "forest": Motif(forest, "horizon", 0.34),
    "house": Motif(house, "hill", 0.34),
    "cat": Motif(partial(animal, coat=(58, 52, 66)), "hill", 0.4),
    "fox": Motif(partial(animal, coat=(216, 104, 44)), "hill", 0.4),
    "dog": Motif(partial(animal, coat=(176, 124, 76), floppy=True), "hill", 0.4),
    "portrait": Motif(portrait, "front", 0.84),
    "castle": Motif(castle, "hill", 0.46),
    "mountain": Motif(mountain, "horizon", 0.42),
    "robot": Motif(robot, "hill", 0.52),
    "flower": Motif(flower, "hill", 0.46),
    "city": Motif(city, "horizon", 0.42),
    "bird": Motif(bird, "sky", 0.24),
    "balloon": Motif(balloon, "sky", 0.3),
    "planet": Motif(planet, "sky", 0.3),
    "": Motif(totem, "hill", 0.5),
}
SYNONYMS = {
    "beacon": "lighthouse", "ship": "boat", "sailboat": "boat", "yacht": "boat", "harbor": "boat",
    "harbour": "boat", "oak": "tree", "willow": "tree", "bonsai": "tree", "pine": "forest",
    "wood": "forest", "jungle": "forest", "cabin": "house", "cottage": "house", "hut": "house",
    "home": "house", "village": "house", "farm": "house", "kitten": "cat", "panther": "cat",
    "tiger": "fox", "lion": "fox", "wolf": "dog", "puppy": "dog", "corgi": "dog", "girl": "portrait",
    "woman": "portrait", "lady": "portrait", "face": "portrait", "man": "portrait", "boy": "portrait",
    "person": "portrait", "princess": "portrait", "wizard": "portrait", "knight": "portrait",
    "selfie": "portrait", "hero": "portrait", "fortress": "castle", "palace": "castle", "temple": "castle",
    "peak": "mountain", "alp": "mountain", "volcano": "mountain", "android": "robot", "mecha": "robot",
    "cyborg": "robot", "rose": "flower", "tulip": "flower", "sunflower": "flower", "bouquet": "flower",
    "skyline": "city", "town": "city", "street": "city", "skyscraper": "city", "cyberpunk": "city",
    "seagull": "bird", "gull": "bird", "crow": "bird", "swan": "bird", "airship": "balloon",
    "space": "planet", "saturn": "planet", "galaxy": "planet",
}  # fmt: skip
DEPTH = {"sky": 0, "horizon": 1, "water": 2, "hill": 3, "front": 4}


def motifs_named(words: Iterable[str]) -> list[str]:
    """The motifs that *words* name, in their order."""
    names = (SYNONYMS.get(word, word) for word in words)
    return [name for name in dict.fromkeys(names) if name in MOTIFS]
