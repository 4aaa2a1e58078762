"""What stands and floats in the landscape: the motifs in their places, lanterns, motes of light."""

from __future__ import annotations

from random import Random

from .brushes import glow
from .chance import dice_for
from .landscape import Slope
from .motifs import DEPTH, MOTIFS, Motif
from .palette import LAMP, WHITE, mixed, shaded, tint_of
from .pen import Pen
from .stage import Stage


def subjects(stage: Stage) -> None:
    """Paint the motifs, far ones first, and the land in front if any stands on it."""
    names = stage.names
    slope = Slope(stage, 0.3 if stage.dice("side").random() < 0.5 else 0.7)
    order = sorted(names, key=lambda name: (DEPTH[MOTIFS[name].place], -names.index(name)))
    back = [name for name in order if DEPTH[MOTIFS[name].place] < DEPTH["hill"]]
    front = order[len(back) :]
    for name in back:
        _place(stage, slope, name, names.index(name))
    if any(MOTIFS[name].place == "hill" for name in front) and not stage.scene.transparent:
        slope.paint()
    for name in front:
        _place(stage, slope, name, names.index(name))


def _place(stage: Stage, slope: Slope, name: str, rank: int) -> None:
    """Paint one motif: the hero (*rank* 0) where the eye goes, the others smaller around it."""
    motif, dice = MOTIFS[name], stage.dice(f"motif {name}")
    width, height = stage.image.size
    size = min(width * 1.1, height) * motif.size * dice.uniform(0.94, 1.06)
    if rank and motif.place not in ("horizon", "front"):
        size *= 0.66
    x = _across(stage, slope.side, motif, rank) + dice.uniform(-0.03, 0.03)
    if motif.place == "front" or (stage.scene.transparent and rank == 0):
        x = 0.5
    foot = x * width, _down(stage, slope, motif, rank, x, dice)
    motif.paint(Pen(stage.image, foot, size, stage.colours, dice, stage.detail))


def _across(stage: Stage, side: float, motif: Motif, rank: int) -> float:
    """How far to the right, as a share of the width."""
    if "portrait" in stage.names:  # beside the one who is portrayed
        around = (0.14, 0.86, 0.1, 0.9, 0.16)
    elif motif.place == "hill":  # keep to the land
        around = (side, side + (0.5 - side) * 1.4, side - (0.5 - side), 0.5, side + (0.5 - side) * 0.6)
    else:
        around = (side, 1 - side, 0.5, side * 0.45 + 0.08, 0.92 - side * 0.45)
    return around[rank % 5]


def _down(stage: Stage, slope: Slope, motif: Motif, rank: int, x: float, dice: Random) -> float:
    """How far down, in pixels.  Every motif throws twice here, wherever it stands: its own dice go on from there."""
    height = stage.image.height
    return {
        "sky": stage.horizon * dice.uniform(0.5, 0.66),
        "horizon": stage.horizon + height * 0.015,
        "water": stage.horizon + (height - stage.horizon) * dice.uniform(0.16, 0.4),
        "hill": min(slope.height(x) + height * (0.015 + rank * 0.012), height * 0.9),
        "front": height * 0.95,
    }[motif.place]


def lanterns(stage: Stage) -> None:
    """Each embedding floats through the picture as a lantern of its own colour."""
    unit = min(stage.image.size)
    for name in stage.scene.embeddings:
        dice = dice_for("lantern", name)
        x, y = dice.uniform(0.08, 0.92) * stage.image.width, dice.uniform(0.12, 0.6) * stage.image.height
        colour = tint_of("embedding", name)
        pen = Pen(stage.image, (x, y), unit * 0.07, stage.colours, dice, stage.detail)
        pen.glow(0, 0.5, 1.1, fill=colour, alpha=0.7)
        pen.box(-0.26, 0.1, 0.26, 0.9, fill=mixed(colour, LAMP, 0.35), round=0.2)
        pen.box(-0.12, 0.14, 0.12, 0.86, fill=mixed(colour, WHITE, 0.6), round=0.1)
        pen.box(-0.16, 0.0, 0.16, 0.1, fill=shaded(colour, -0.5))


def drift(stage: Stage) -> None:
    """Motes of light (snow, if it is winter) that every single setting moves."""
    dice = dice_for("drift", stage.scene)
    winter = bool({"snow", "snowy", "winter"} & set(stage.words))
    width, height = stage.image.size
    unit = min(width, height)
    for _ in range(90 if winter else 16):
        x, y = dice.random() * width, dice.random() * height * 0.9
        radius = unit * dice.uniform(0.004, 0.012) * (0.7 if winter else 1)
        glow(stage.image, x, y, radius * (1.6 if winter else 2.6), WHITE if winter else stage.colours.sun, 0.9)
