"""
The emulator's painter: everything that should change a picture goes in, a picture comes out.

Takes a `Scene` (and, for img2img and control nets, pictures as bytes), gives a Pillow image, and turns
images into files that say what was understood.  It knows no vendor, no request and no clock: equal scenes
give equal bytes, and every field of a scene changes the pixels.

How a picture comes about: a landscape is composed from prompt, model and seed (`_compose`), in front of it
stand the motifs that the prompt names (`_MOTIFS`), the remaining settings work on the finished painting
(`_finish`), and a caption says the main facts (`_caption`).
"""

from __future__ import annotations

import colorsys
import hashlib
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from random import Random
from typing import Any, TypeAlias

from attrs import asdict, define, evolve, field, frozen
from attrs.converters import optional
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont
from PIL.PngImagePlugin import PngInfo

CHUNK = "imagegen-emulator"  # the PNG text chunk that holds what was understood
CANVAS_PIXELS = 1_200_000  # the painting's own size: small pictures are supersampled, huge ones enlarged

_PASSES = "imagegen-passes"  # key in `Image.info`: passes travel with the image until it is encoded
_EXIF_TEXT = 0x010E  # ImageDescription: where JPEG and WebP keep what PNG has in its chunk
_EXIF_LIMIT = 60_000  # a JPEG segment ends at 64 KB

Picture: TypeAlias = Image.Image
Colour: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]


def _weighted(pairs: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    return tuple((name, float(weight)) for name, weight in pairs)


@frozen(kw_only=True)
class Scene:
    """
    Everything that should change a picture, in numbers and words of no vendor.

    Weights become floats, so that scenes that compare equal are drawn equal: 1 and 1.0 are one weight.
    """

    prompt: str
    negative_prompt: str = ""
    model: str = ""
    width: int
    height: int
    seed: int
    steps: int = 20
    cfg_scale: float = field(default=7.0, converter=float)
    sampler: str = ""
    clip_skip: int = 1
    loras: tuple[tuple[str, float], ...] = field(default=(), converter=_weighted)
    embeddings: tuple[str, ...] = ()
    vae: str = ""
    # img2img and inpaint: 1.0 destroys the init image
    strength: float | None = field(default=None, converter=optional(float))
    controls: tuple[tuple[str, float], ...] = field(default=(), converter=_weighted)  # (model, weight)
    detailers: tuple[str, ...] = ()
    upscaler: str = ""
    transparent: bool = False  # subject only, on a transparent background
    extra: tuple[tuple[str, str], ...] = ()  # other facts: change the picture, shown in the metadata only
    labels: tuple[str, ...] = ()  # short facts for the caption


# --- the public acts -------------------------------------------------------------------------------


def draw(
    scene: Scene,
    *,
    init: bytes | None = None,
    mask: bytes | None = None,
    control_images: Sequence[bytes] = (),
) -> Picture:
    """
    Draw *scene*.  Bytes that are no picture raise `OSError`.

    With *init* the drawing is laid over it by `scene.strength` (0.75 if unsaid; 0 leaves it untouched).
    With *mask* too, only its white part is drawn (strength 1 if unsaid); the rest stays, to the bit.
    """
    drawing = _finish(_compose(scene), scene)
    for number, data in enumerate(control_images):
        weight = scene.controls[number][1] if number < len(scene.controls) else 1.0
        drawing = _trace(drawing, data, weight)
    if init is None:
        return _caption(drawing, scene, (0, 0, *drawing.size))
    before = _load(init, drawing.size, drawing.mode)
    if mask is not None:
        return _inpaint(before, drawing.convert(before.mode), _threshold(mask, drawing.size), scene)
    share = 0.75 if scene.strength is None else scene.strength
    if share <= 0:
        return before
    blended = Image.blend(before, drawing.convert(before.mode), min(share, 1.0))
    return _caption(blended, scene, (0, 0, *drawing.size))


def upscale(image: Picture, width: int, height: int, *, scene: Scene) -> Picture:
    """Enlarge (or reduce) to *width* x *height*; the upscaler's name decides how crisp it gets."""
    crispness = 40 + int(_share(scene.upscaler, "crisp") * 60)
    bigger = image.resize((max(width, 1), max(height, 1)), Image.Resampling.LANCZOS)
    bigger = _unsharp(bigger, crispness)
    name = scene.upscaler or "upscale"
    fact = {"pass": "upscale", "name": name, "width": bigger.width, "height": bigger.height}
    return _stamp(bigger, image, f"{bigger.width / image.width:.3g}x {name}", fact)


def detail(image: Picture, *, scene: Scene, name: str) -> Picture:
    """Redo one part of *image* (a face, a hand ...) more sharply, and mark where."""
    box = _detail_box(image.size, name)
    sharper = image.copy()
    sharper.paste(_unsharp(image.crop(box), 110), box)
    colour = _tint(name, _digest(scene))
    _brackets(sharper, box, colour)
    return _stamp(sharper, image, f"detail {name}", {"pass": "detail", "name": name})


def encode(
    image: Picture, scene: Scene, format: str = "png", facts: Mapping[str, str] | None = None
) -> bytes:
    """Make a file of *image* (png, jpeg or webp) that carries what was understood; see `facts_of`."""
    text = _canonical(
        {"scene": asdict(scene), "passes": list(image.info.get(_PASSES, ())), "facts": dict(facts or {})}
    )
    kind = {"jpg": "jpeg"}.get(format.lower(), format.lower())
    file = io.BytesIO()
    if kind == "png":
        chunks = PngInfo()
        chunks.add_text(CHUNK, text)
        # Level 3 costs a fifth more bytes than 6 and half its time.
        image.save(file, "PNG", pnginfo=chunks, compress_level=3)
    elif kind == "jpeg":
        _opaque(image).save(file, "JPEG", quality=92, exif=_exif(text))
    elif kind == "webp":
        image.save(file, "WEBP", quality=90, method=2, exif=_exif(text))
    else:
        raise ValueError(f"the emulator writes png, jpeg and webp, not {format!r}")
    return file.getvalue()


def facts_of(png: bytes) -> dict[str, Any]:
    """What was understood when this file was drawn: `scene`, `passes`, `facts`; empty if it is not ours."""
    with Image.open(io.BytesIO(png)) as image:
        text = image.info.get(CHUNK) or image.getexif().get(_EXIF_TEXT)
    try:
        found = json.loads(text) if text else {}
    except ValueError:  # somebody else's image description
        return {}
    return found if isinstance(found, dict) else {}


def animate(scene: Scene, frames: int, fps: int) -> bytes:
    """An animated WebP of *frames* pictures: a slow camera move over the scene, with a progress bar."""
    size = (max(scene.width, 1), max(scene.height, 1))
    still = draw(scene)
    total = max(frames, 1)
    film = [_frame(still, number, total, scene) for number in range(total)]
    file = io.BytesIO()
    film[0].save(
        file,
        "WEBP",
        save_all=True,
        append_images=film[1:],
        duration=max(round(1000 / max(fps, 1)), 1),
        loop=0,
        quality=80,
        method=0 if size[0] * size[1] > 200_000 else 2,
        exif=_exif(
            _canonical(
                {"scene": asdict(scene), "passes": [], "facts": {"frames": str(total), "fps": str(fps)}}
            )
        ),
    )
    return file.getvalue()


# --- chance, without any ---------------------------------------------------------------------------


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(*parts: object) -> str:
    plain = [asdict(part) if isinstance(part, Scene) else part for part in parts]
    return hashlib.sha256(_canonical(plain).encode()).hexdigest()


def _dice(*parts: object) -> Random:
    """A random stream of its own for each topic, so that one setting does not reshuffle another's."""
    return Random(int(_digest(*parts), 16))


def _share(*parts: object) -> float:
    """A number in [0, 1) that belongs to *parts*."""
    return int(_digest(*parts)[:8], 16) / 2**32


# --- colours ---------------------------------------------------------------------------------------


@frozen
class _Palette:
    sky: Colour
    haze: Colour  # the sky at the horizon
    sun: Colour
    far: Colour
    near: Colour
    water: Colour
    ground: Colour
    accent: Colour


def _hex(text: str) -> Colour:
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)


def _palette(text: str) -> _Palette:
    return _Palette(*(_hex(part) for part in text.split()))


_PALETTES = {
    "dawn": _palette("2b3a67 f7b267 fff1c9 8d6a9f 3d405b 5b7fa3 2f3e46 e76f51"),
    "noon": _palette("3a86c8 cfeaf5 fff8d6 7fa8b8 3f7d58 2a9fb8 2e5e3e f4a259"),
    "dusk": _palette("2d1e4f ff7b54 ffe8b8 8a4a70 4a2a5c 5c4785 2a1a3e ffb26b"),
    "nordic": _palette("5c7a99 e8eef2 ffffff 9fb3c8 4a6274 6b8fa3 2f4150 d64550"),
    "jade": _palette("1d5c63 d8f3dc fdf7d0 74a892 2d6a4f 40916c 1b4332 f2c14e"),
    "autumn": _palette("9a6a45 f6d186 fff3d6 c38154 884a39 8f7f5b 4a2c1a d1512d"),
    "candy": _palette("8e7dbe fbc4d4 fffbe6 c39bd3 7d6ca8 7fc8d8 5b4b8a ff7aa2"),
    "night": _palette("0b132b 3a506b f5f3dc 2c3e5c 1c2541 16324f 0a0f1f ffd166"),
    "sepia": _palette("8c6f4e f0e0c0 fffaf0 b89b72 7a5c3d a68a64 4e3823 a63d2f"),
    "print": _palette("1f4e79 ffd8a8 ff6b6b 5fa8a0 1b4965 3a8fa8 16324a ff6b6b"),
    "rose": _palette("6d597a eaac8b ffe5d9 b56576 6d597a 7a8fa6 3d2c4a e56b6f"),
    "storm": _palette("37474f b0bec5 eceff1 78909c 455a64 546e7a 263238 ffca28"),
}
_MOODS = {
    "night": "night", "moon": "night", "star": "night", "midnight": "night", "dark": "night",
    "space": "night", "sunset": "dusk", "dusk": "dusk", "evening": "dusk", "cyberpunk": "dusk",
    "neon": "dusk", "sunrise": "dawn", "dawn": "dawn", "morning": "dawn", "golden": "dawn",
    "snow": "nordic", "snowy": "nordic", "winter": "nordic", "ice": "nordic", "autumn": "autumn",
    "fall": "autumn", "desert": "autumn", "storm": "storm", "rain": "storm", "fog": "storm",
    "forest": "jade", "jungle": "jade", "summer": "noon", "day": "noon", "sunny": "noon",
    "vintage": "sepia", "sepia": "sepia", "candy": "candy", "pastel": "candy", "rose": "rose",
}  # fmt: skip
WHITE: Colour = (246, 243, 236)
LAMP: Colour = (255, 224, 138)
INK: Colour = (24, 22, 32)


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    a, b, c = (round(x + (y - x) * share) for x, y in zip(first, second, strict=True))
    return a, b, c


def _shade(colour: Colour, by: float) -> Colour:
    """Darker (*by* < 0) or lighter."""
    return _mix(colour, (255, 255, 255) if by > 0 else (8, 8, 20), abs(by))


def _turn(colour: Colour, degrees: float) -> Colour:
    hue, light, full = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    red, green, blue = colorsys.hls_to_rgb((hue + degrees / 360) % 1, light, full)
    return round(red * 255), round(green * 255), round(blue * 255)


def _tint(*parts: object) -> Colour:
    """A clear colour that belongs to *parts*."""
    red, green, blue = colorsys.hls_to_rgb(_share("tint", *parts), 0.58, 0.68)
    return round(red * 255), round(green * 255), round(blue * 255)


def _colours(scene: Scene, words: Iterable[str]) -> _Palette:
    """The model's palette, leaning towards the mood that the prompt asks for."""
    dice = _dice("palette", scene.model)
    names = list(_PALETTES)
    base = _PALETTES[names[int(dice.random() * len(names))]]
    turn = dice.uniform(-18, 18)
    colours = [_turn(colour, turn) for colour in asdict(base).values()]
    for word in words:
        if word in _MOODS:
            mood = asdict(_PALETTES[_MOODS[word]]).values()
            colours = [_mix(colour, other, 0.72) for colour, other in zip(colours, mood, strict=True)]
            break
    return _Palette(*colours)


# --- the landscape ---------------------------------------------------------------------------------


@define
class _Stage:
    """One painting under way, at the painting's own size."""

    scene: Scene
    image: Picture
    colours: _Palette
    words: tuple[str, ...]
    horizon: float
    detail: float  # 0..1: how far the steps went
    water: bool
    names: tuple[str, ...]  # of the motifs, the hero first

    @property
    def key(self) -> tuple[object, ...]:
        """What the composition hangs on: the same key and topic, the same hill."""
        return self.scene.prompt, self.scene.model, self.scene.seed

    def dice(self, topic: str) -> Random:
        return _dice(topic, *self.key)


_WET = {
    "lighthouse",
    "boat",
    "sea",
    "ocean",
    "lake",
    "beach",
    "harbor",
    "harbour",
    "river",
    "island",
    "coast",
    "water",
}
_DRY = {"forest", "field", "meadow", "desert", "street", "road", "garden", "city", "jungle", "farm"}


def _compose(scene: Scene) -> Picture:
    """The painting before any style: landscape, motifs, small things."""
    words = _words(scene.prompt)
    size = _canvas_size(scene)
    mode = "RGBA" if scene.transparent else "RGB"
    dice = _dice("stage", scene.prompt, scene.model, scene.seed)
    unwanted = _named(_words(scene.negative_prompt))
    names = [name for name in _named(words) if name not in unwanted][:5] or [""]
    told = {*words, *names}
    wet = bool(_WET & told) or (dice.random() < 0.5 and not _DRY & told)
    stage = _Stage(
        scene=scene,
        image=Image.new(mode, size),
        colours=_colours(scene, words),
        words=words,
        horizon=size[1] * dice.uniform(0.52, 0.62),
        detail=min(max(scene.steps, 0) / 40, 1.0),
        water=wet,
        names=tuple(names),
    )
    if not scene.transparent:
        _sky(stage)
        _hills(stage)
        _plain(stage)
    _subjects(stage)
    if not scene.transparent:
        _lanterns(stage)
        _drift(stage)
    final = max(scene.width, 1), max(scene.height, 1)
    better = Image.Resampling.HAMMING if final[0] < size[0] else Image.Resampling.BICUBIC
    return stage.image.resize(final, better)


def _words(prompt: str) -> tuple[str, ...]:
    """The prompt's words in order, once each, lower case and singular."""
    found = re.findall(r"[a-z]+", re.sub(r"<[^>]*>|\[emu:[^\]]*\]", " ", prompt.lower()))
    return tuple(dict.fromkeys(form for word in found for form in (word, word.removesuffix("s"))))


def _canvas_size(scene: Scene) -> tuple[int, int]:
    width, height = max(scene.width, 1), max(scene.height, 1)
    factor = min(2.0, math.sqrt(CANVAS_PIXELS / (width * height)))
    return max(round(width * factor), 8), max(round(height * factor), 8)


def _gradient(size: tuple[int, int], *colours: Colour) -> Picture:
    """Colours from top to bottom."""
    column = Image.frombytes("RGB", (1, len(colours)), bytes(part for colour in colours for part in colour))
    # Two steps: one bilinear enlargement would hold half a cell flat at either end.
    return column.resize((1, 64), Image.Resampling.BICUBIC).resize(size, Image.Resampling.BILINEAR)


@lru_cache(maxsize=64)
def _halo(alpha: int) -> Picture:
    # Pillow's gradient reaches 181 in the middle of an edge: dark there, or the square would show.
    falls = [max(1 - level / 180, 0) ** 2 * alpha for level in range(256)]
    return Image.radial_gradient("L").point([round(level) for level in falls])


def _glow(image: Picture, x: float, y: float, radius: float, colour: Colour, alpha: float) -> None:
    """A soft round light."""
    side = max(round(radius * 2), 2)
    light = _halo(round(alpha * 255)).resize((side, side), Image.Resampling.BILINEAR)
    image.paste(colour, (round(x - radius), round(y - radius)), light)


def _disc(image: Picture, x: float, y: float, radius: float, colour: Colour) -> None:
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _sky(stage: _Stage) -> None:
    image, colours, dice = stage.image, stage.colours, stage.dice("sky")
    width, height = image.size
    middle = _mix(colours.sky, colours.haze, 0.45)
    image.paste(_gradient((width, math.ceil(stage.horizon) + 2), colours.sky, middle, colours.haze), (0, 0))
    dark = sum(colours.sky) < 210
    if dark:
        _stars(stage)
    x, y = width * dice.choice((0.24, 0.5, 0.7, 0.8)), stage.horizon * dice.uniform(0.28, 0.78)
    radius = min(width, height) * dice.uniform(0.045, 0.085)
    _glow(image, x, y, radius * 7, colours.sun, 0.55)
    _disc(image, x, y, radius, colours.sun)
    if dark:
        for dx, dy, share in ((-0.3, -0.2, 0.22), (0.25, 0.3, 0.16), (0.1, -0.45, 0.12)):
            _disc(image, x + dx * radius, y + dy * radius, radius * share, _shade(colours.sun, -0.12))
    _clouds(stage, x)


def _stars(stage: _Stage) -> None:
    pen, dice = ImageDraw.Draw(stage.image), stage.dice("stars")
    size = min(stage.image.size) / 500
    for _ in range(20 + int(stage.detail * 140)):
        x, y = dice.random() * stage.image.width, dice.random() ** 1.4 * stage.horizon
        radius = size * dice.uniform(0.4, 1.5)
        pen.ellipse(
            (x - radius, y - radius, x + radius, y + radius),
            fill=_shade(stage.colours.haze, dice.uniform(0.3, 0.9)),
        )


def _clouds(stage: _Stage, light: float) -> None:
    """Clouds are drawn small, blurred and enlarged: soft, and cheap."""
    dice = stage.dice("clouds")
    width, height = 160, 100
    mist = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mist)
    for _ in range(3 + int(dice.random() * 4)):
        x, y, long = dice.uniform(0, width), dice.uniform(8, height * 0.8), dice.uniform(14, 44)
        for _ in range(7):
            dx, radius = dice.uniform(-long, long) * 0.8, dice.uniform(2, 7)
            pen.ellipse(
                (x + dx - radius * 2.4, y - radius, x + dx + radius * 2.4, y + radius * 0.6), fill=150
            )
    mist = mist.filter(ImageFilter.GaussianBlur(2.2))
    size = stage.image.width, max(round(stage.horizon), 1)
    colour = _mix(_shade(stage.colours.haze, 0.45), stage.colours.sun, 0.25 if light else 0)
    stage.image.paste(colour, (0, 0), mist.resize(size, Image.Resampling.BICUBIC))


def _ridge(dice: Random, rough: float, sharp: bool, count: int = 90) -> list[float]:
    """Heights between 0 and 1 along a line: a few waves, with peaks if *sharp*."""
    waves = [(dice.uniform(0.5, 1.1) * 1.9**n, dice.random() * math.tau, 0.52**n) for n in range(6)]
    full = sum(weight for _, _, weight in waves)
    heights = []
    for step in range(count + 1):
        total = 0.0
        for number, (pitch, phase, weight) in enumerate(waves):
            wave = math.sin(step / count * math.tau * pitch + phase)
            total += weight * (rough if number > 1 else 1.0) * (1 - abs(wave) * 2 if sharp else wave)
        heights.append(min(max(total / full / 2 + 0.5, 0.0), 1.0))
    return heights


def _land(
    image: Picture, heights: Sequence[float], base: float, rise: float, top: Colour, bottom: Colour
) -> None:
    """Everything below the ridge, lighter towards its foot as air is."""
    width, height = image.size
    line = [(width * n / (len(heights) - 1), base - rise * value) for n, value in enumerate(heights)]
    first = max(min(int(min(y for _, y in line)), height - 1), 0)
    cover = Image.new("L", (width, height - first))
    outline = [(x, y - first) for x, y in line]
    ImageDraw.Draw(cover).polygon([(0, height), *outline, (width, height)], fill=255)
    image.paste(_gradient(cover.size, top, bottom, bottom), (0, first), cover)


def _hills(stage: _Stage) -> None:
    colours, height = stage.colours, stage.image.height
    layers = 2 + round(stage.detail * 2)
    rough = (0.35 + stage.detail * 0.65) / max(stage.scene.clip_skip, 1)
    big = 1.9 if "mountain" in stage.words else 1.0
    for layer in range(layers):
        near = layer / layers
        dice = stage.dice(f"hill {layer}")
        colour = _mix(_mix(colours.far, colours.haze, 0.35), colours.near, near)
        rise = height * (0.2 - 0.1 * near) * dice.uniform(0.7, 1.2) * (big if layer == 0 else 1)
        heights = _ridge(dice, rough, sharp=dice.random() < 0.6 and layer < 2)
        _land(
            stage.image, heights, stage.horizon + height * 0.02, rise, colour, _mix(colour, colours.haze, 0.6)
        )


def _plain(stage: _Stage) -> None:
    """Sea or meadow, from the horizon to the lower edge."""
    image, colours = stage.image, stage.colours
    width, height = image.size
    top = round(stage.horizon)
    if stage.water:
        far, near = _mix(colours.water, colours.haze, 0.6), _shade(colours.water, -0.35)
    else:
        far, near = _mix(colours.near, colours.haze, 0.35), colours.ground
    image.paste(_gradient((width, height - top), far, _mix(far, near, 0.7), near), (0, top))
    (_waves if stage.water else _fields)(stage)


def _waves(stage: _Stage) -> None:
    pen, dice, colours = ImageDraw.Draw(stage.image), stage.dice("waves"), stage.colours
    sun = stage.dice("sky").choice((0.24, 0.5, 0.7, 0.8)) * stage.image.width
    width, height = stage.image.size
    depth = height - stage.horizon
    for number in range(30 + int(stage.detail * 170)):
        share = dice.random() ** 1.5
        y = stage.horizon + 2 + share * depth
        at_sun = number % 3 == 0
        spread = width * (0.03 + 0.09 * share)
        x = sun + dice.uniform(-spread, spread) if at_sun else dice.uniform(0, width)
        long = width * (0.006 + 0.035 * share) * dice.uniform(0.5, 1.6)
        far = _mix(colours.water, colours.haze, 0.6 * (1 - share))
        colour = _mix(far, colours.sun, 0.65) if at_sun else _mix(far, colours.haze, dice.uniform(0.05, 0.3))
        pen.line((x - long, y, x + long, y), fill=colour, width=max(round(height * 0.004 * share), 1))


def _fields(stage: _Stage) -> None:
    colours, height = stage.colours, stage.image.height
    for layer in range(3):
        dice = stage.dice(f"field {layer}")
        base = stage.horizon + (height - stage.horizon) * (0.18 + 0.24 * layer)
        colour = _mix(_mix(colours.near, colours.haze, 0.3 - layer * 0.1), colours.ground, layer / 3)
        _land(
            stage.image,
            _ridge(dice, 0.1, False),
            base,
            height * 0.06,
            _shade(colour, 0.1),
            _shade(colour, -0.15),
        )


# --- motifs ----------------------------------------------------------------------------------------


@define
class _Pen:
    """
    Draws in a motif's own units: x to the right of its foot, y up from its foot, 1 is its height.

    A motif gets no other measure, so it looks the same at every size.
    """

    image: Picture
    foot: Point
    size: float
    colours: _Palette
    dice: Random
    detail: float

    def at(self, points: Iterable[Point]) -> list[Point]:
        return [(self.foot[0] + x * self.size, self.foot[1] - y * self.size) for x, y in points]

    def poly(self, *points: Point, fill: Colour) -> None:
        ImageDraw.Draw(self.image).polygon(self.at(points), fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, *, fill: Colour, round: float = 0) -> None:
        left, top = self.at([(x0, y1)])[0]
        right, bottom = self.at([(x1, y0)])[0]
        ImageDraw.Draw(self.image).rounded_rectangle((left, top, right, bottom), round * self.size, fill=fill)

    def oval(self, x: float, y: float, rx: float, ry: float | None = None, *, fill: Colour) -> None:
        ry = rx if ry is None else ry
        (left, top), (right, bottom) = self.at([(x - rx, y + ry), (x + rx, y - ry)])
        ImageDraw.Draw(self.image).ellipse((left, top, right, bottom), fill=fill)

    def line(self, *points: Point, fill: Colour, width: float = 0.015) -> None:
        thick = max(round(width * self.size), 1)
        ImageDraw.Draw(self.image).line(self.at(points), fill=fill, width=thick, joint="curve")

    def arc(
        self, x: float, y: float, r: float, start: float, end: float, *, fill: Colour, width: float
    ) -> None:
        (left, top), (right, bottom) = self.at([(x - r, y + r), (x + r, y - r)])
        thick = max(round(width * self.size), 1)
        ImageDraw.Draw(self.image).arc((left, top, right, bottom), start, end, fill=fill, width=thick)

    def soft(self, *points: Point, fill: Colour, alpha: float) -> None:
        """A see-through polygon."""
        cover = Image.new("L", self.image.size)
        ImageDraw.Draw(cover).polygon(self.at(points), fill=round(alpha * 255))
        self.image.paste(fill, (0, 0), cover)

    def glow(self, x: float, y: float, radius: float, *, fill: Colour, alpha: float) -> None:
        (at_x, at_y) = self.at([(x, y)])[0]
        _glow(self.image, at_x, at_y, radius * self.size, fill, alpha)

    def part(self, x: float, y: float, size: float) -> _Pen:
        """A pen for a smaller thing that stands at (x, y)."""
        return evolve(self, foot=self.at([(x, y)])[0], size=self.size * size)


def _lighthouse(pen: _Pen) -> None:
    red, stone = pen.colours.accent, _shade(pen.colours.ground, 0.1)
    pen.soft((0, 0.87), (2.2, 1.12), (2.2, 0.72), fill=LAMP, alpha=0.28)
    pen.soft((0, 0.87), (-2.2, 1.02), (-2.2, 0.62), fill=LAMP, alpha=0.16)
    pen.poly((-0.34, -0.06), (-0.24, 0.05), (-0.1, 0.08), (0.16, 0.06), (0.3, 0.0), (0.36, -0.06), fill=stone)

    def ring(low: float, high: float, fill: Colour) -> None:
        wide, slim = 0.14 - 0.06 * low / 0.78, 0.14 - 0.06 * high / 0.78
        pen.poly((-wide, low), (wide, low), (slim, high), (-slim, high), fill=fill)
        pen.poly((wide * 0.35, low), (wide, low), (slim, high), (slim * 0.35, high), fill=_shade(fill, -0.22))

    for number in range(6):
        ring(0.02 + number * 0.127, 0.02 + (number + 1) * 0.127, WHITE if number % 2 == 0 else red)
    pen.box(-0.035, 0.02, 0.035, 0.11, fill=INK, round=0.03)
    pen.box(-0.125, 0.78, 0.125, 0.805, fill=INK)
    pen.box(-0.06, 0.805, 0.06, 0.9, fill=LAMP)
    pen.line((0, 0.805), (0, 0.9), fill=INK)
    pen.poly((-0.085, 0.9), (0.085, 0.9), (0.02, 0.985), (0, 1.03), (-0.02, 0.985), fill=red)
    pen.glow(0, 0.86, 0.3, fill=LAMP, alpha=0.8)


def _boat(pen: _Pen) -> None:
    hull = pen.colours.accent
    pen.soft((-0.4, 0), (0.4, 0), (0.26, -0.2), (-0.26, -0.2), fill=_shade(hull, -0.5), alpha=0.35)
    pen.line((0, 0.1), (0, 1), fill=INK, width=0.022)
    pen.poly((0.03, 0.24), (0.03, 0.95), (0.42, 0.28), fill=WHITE)
    pen.poly((0.03, 0.24), (0.03, 0.5), (0.42, 0.28), fill=_shade(WHITE, -0.1))
    pen.poly((-0.03, 0.26), (-0.03, 0.82), (-0.3, 0.28), fill=_shade(WHITE, -0.16))
    pen.poly((0, 1), (0.13, 0.965), (0, 0.93), fill=hull)
    pen.poly((-0.48, 0.2), (0.5, 0.2), (0.36, 0), (-0.36, 0), fill=hull)
    pen.poly((-0.48, 0.2), (0.5, 0.2), (0.475, 0.165), (-0.455, 0.165), fill=WHITE)
    pen.poly((-0.385, 0.035), (0.385, 0.035), (0.36, 0), (-0.36, 0), fill=_shade(hull, -0.35))


def _tree(pen: _Pen) -> None:
    leaf = _mix(pen.colours.near, (88, 140, 72), 0.35)
    bark = _shade(_mix(pen.colours.ground, (110, 74, 48), 0.6), -0.1)
    pen.poly((-0.06, -0.02), (0.06, -0.02), (0.03, 0.5), (-0.03, 0.5), fill=bark)
    pen.line((0, 0.28), (0.14, 0.46), fill=bark, width=0.025)
    crown = (
        (-0.2, 0.58),
        (0.2, 0.58),
        (-0.12, 0.74),
        (0.13, 0.75),
        (0, 0.86),
        (0, 0.62),
        (-0.24, 0.68),
        (0.24, 0.67),
    )
    wind = pen.dice.uniform
    blobs = [(x + wind(-0.05, 0.05), y + wind(-0.04, 0.04), wind(0.12, 0.17)) for x, y in crown]
    for colour, lift, share in (
        (_shade(leaf, -0.25), -0.03, 1.12),
        (leaf, 0.0, 1.0),
        (_shade(leaf, 0.16), 0.04, 0.6),
    ):
        for x, y, radius in blobs:
            pen.oval(x - lift, y + lift, radius * share, fill=colour)


def _pine(pen: _Pen) -> None:
    leaf = _shade(_mix(pen.colours.near, (46, 92, 70), 0.45), -0.1)
    pen.box(-0.03, -0.02, 0.03, 0.2, fill=_shade(pen.colours.ground, -0.2))
    for low, high, wide in ((0.12, 0.55, 0.24), (0.34, 0.78, 0.18), (0.58, 1.0, 0.12)):
        pen.poly((-wide, low), (wide, low), (0, high), fill=leaf)
        pen.poly((0, low + 0.03), (wide, low), (0, high), fill=_shade(leaf, -0.22))


def _forest(pen: _Pen) -> None:
    for number in range(6 + round(pen.detail * 10)):
        x = pen.dice.uniform(-1.1, 1.1)
        _pine(pen.part(x, pen.dice.uniform(-0.1, 0.05) - number * 0.006, pen.dice.uniform(0.55, 0.95)))


def _house(pen: _Pen) -> None:
    wall, roof = _shade(WHITE, -0.06), pen.colours.accent
    for number in range(4):
        pen.oval(
            0.3 + number * 0.05,
            1.0 + number * 0.1,
            0.035 + number * 0.016,
            fill=_mix(WHITE, pen.colours.haze, 0.5),
        )
    pen.box(0.22, 0.6, 0.32, 0.97, fill=_shade(roof, -0.35))
    pen.box(-0.42, 0, 0.42, 0.52, fill=wall)
    pen.box(0.16, 0, 0.42, 0.52, fill=_shade(wall, -0.14))
    pen.poly((-0.52, 0.48), (0.52, 0.48), (0.3, 0.88), (-0.3, 0.88), fill=roof)
    pen.poly((-0.52, 0.48), (0.52, 0.48), (0.505, 0.52), (-0.505, 0.52), fill=_shade(roof, -0.3))
    for x in (-0.29, 0.28):
        pen.glow(x, 0.3, 0.2, fill=LAMP, alpha=0.5)
        pen.box(x - 0.08, 0.21, x + 0.08, 0.39, fill=LAMP)
        pen.line((x, 0.21), (x, 0.39), fill=roof)
        pen.line((x - 0.08, 0.3), (x + 0.08, 0.3), fill=roof)
    pen.box(-0.07, 0, 0.09, 0.31, fill=_shade(roof, -0.45), round=0.02)
    pen.oval(0.06, 0.15, 0.012, fill=LAMP)


def _animal(pen: _Pen, coat: Colour, floppy: bool = False) -> None:
    """A sitting cat, fox or (with *floppy* ears) dog."""
    fur = _mix(pen.colours.ground, coat, 0.7)
    pale = _shade(fur, 0.55)
    pen.arc(0.28, 0.2, 0.2, -100, 95, fill=fur, width=0.075)
    pen.oval(0, 0.26, 0.24, 0.3, fill=fur)
    pen.oval(0, 0.28, 0.12, 0.2, fill=pale)
    for side in (-1, 1):
        pen.oval(side * 0.11, 0.03, 0.085, 0.045, fill=pale)
        if not floppy:
            pen.poly((side * 0.04, 0.84), (side * 0.2, 1.0), (side * 0.235, 0.7), fill=fur)
            pen.poly((side * 0.09, 0.84), (side * 0.185, 0.945), (side * 0.2, 0.76), fill=_shade(fur, -0.3))
    pen.oval(0, 0.7, 0.235, 0.19, fill=fur)
    pen.oval(0, 0.635, 0.1, 0.075, fill=pale)
    for side in (-1, 1):
        if floppy:
            ear = ((0.12, 0.88), (0.2, 0.87), (0.3, 0.7), (0.31, 0.52), (0.24, 0.5), (0.19, 0.64))
            pen.poly(*((side * x, y) for x, y in ear), fill=_shade(fur, -0.35))
        _eye_and_whiskers(pen, side, INK if floppy else LAMP, pale)
    pen.poly((-0.03, 0.662), (0.03, 0.662), (0, 0.628), fill=INK if floppy else (222, 120, 120))


def _eye_and_whiskers(pen: _Pen, side: int, iris: Colour, pale: Colour) -> None:
    x = side * 0.095
    pen.oval(x, 0.72, 0.045, 0.05, fill=iris)
    pen.oval(x, 0.72, 0.016, 0.042, fill=INK)
    pen.oval(x + 0.015, 0.74, 0.011, fill=WHITE)
    for slope in (-0.03, 0.03):
        pen.line((side * 0.07, 0.64), (side * 0.3, 0.64 + slope), fill=pale, width=0.006)


_SKINS = ((255, 224, 196), (241, 194, 150), (198, 134, 86), (141, 85, 54))
_HAIRS = ((38, 30, 36), (92, 56, 38), (168, 84, 44), (226, 182, 104), (120, 96, 168), (214, 214, 222))


def _portrait(pen: _Pen) -> None:
    dice = pen.dice
    skin, hair, dress = dice.choice(_SKINS), dice.choice(_HAIRS), pen.colours.accent
    long = dice.uniform(0.2, 0.42)
    pen.oval(0, 0.7, 0.27, 0.29, fill=_shade(hair, -0.15))
    pen.box(-0.27, 0.7 - long, 0.27, 0.7, fill=_shade(hair, -0.15), round=0.1)
    pen.box(-0.075, 0.26, 0.075, 0.5, fill=_shade(skin, -0.14))
    pen.oval(0, 0.02, 0.42, 0.3, fill=dress)
    pen.poly((-0.13, 0.33), (0.13, 0.33), (0, 0.16), fill=_shade(skin, -0.05))
    pen.line((-0.15, 0.335), (0, 0.15), (0.15, 0.335), fill=_shade(dress, 0.35), width=0.022)
    pen.oval(0, 0.64, 0.19, 0.235, fill=skin)
    for side in (-1, 1):
        _half_face(pen, side, skin, hair)
    pen.line((0.005, 0.62), (0.02, 0.575), (-0.005, 0.568), fill=_shade(skin, -0.25), width=0.011)
    pen.arc(0, 0.53, 0.055, 25, 155, fill=(176, 66, 74), width=0.016)
    _fringe(pen, hair)


def _half_face(pen: _Pen, side: int, skin: Colour, hair: Colour) -> None:
    iris = _mix(pen.colours.sky, (60, 110, 150), 0.5)
    x = side * 0.085
    pen.oval(x, 0.645, 0.043, 0.034, fill=WHITE)
    pen.oval(x, 0.645, 0.026, 0.032, fill=iris)
    pen.oval(x, 0.645, 0.014, fill=INK)
    pen.oval(x + 0.009, 0.657, 0.008, fill=WHITE)
    pen.arc(x, 0.632, 0.05, 205, 335, fill=INK, width=0.015)
    pen.arc(x, 0.67, 0.055, 220, 320, fill=_shade(hair, -0.2), width=0.013)
    pen.oval(side * 0.125, 0.57, 0.034, 0.02, fill=_mix(skin, (235, 110, 110), 0.3))


def _fringe(pen: _Pen, hair: Colour) -> None:
    """Hair in front of the face, parted on a side that the dice choose."""
    part = pen.dice.uniform(-0.1, 0.1)
    crown = [(math.cos(t / 12 * math.pi) * 0.235, 0.66 + math.sin(t / 12 * math.pi) * 0.3) for t in range(13)]
    pen.poly(
        *crown[:7],
        (part, 0.9),
        (part + 0.03, 0.82),
        (0.13, 0.74),
        (0.19, 0.64),
        (0.2, 0.5),
        (0.25, 0.46),
        fill=hair,
    )
    pen.poly(
        *crown[6:],
        (-0.25, 0.46),
        (-0.2, 0.5),
        (-0.19, 0.64),
        (-0.14, 0.74),
        (part - 0.02, 0.82),
        (part, 0.9),
        fill=hair,
    )
    for number in range(3):  # strands that shine
        start, width = 112 - number * 26, 0.008 + 0.004 * (number == 1)
        pen.arc(0.02, 0.7, 0.22 - number * 0.012, -start, -start + 22, fill=_shade(hair, 0.22), width=width)


def _castle(pen: _Pen) -> None:
    stone = _mix(pen.colours.far, (190, 182, 176), 0.5)
    for x, high, wide in ((-0.36, 0.62, 0.1), (0.38, 0.56, 0.1), (0.12, 0.8, 0.12), (-0.12, 0.68, 0.1)):
        _tower(pen, x, high, wide, stone)
    pen.box(-0.42, 0, 0.44, 0.34, fill=_shade(stone, 0.06))
    for number in range(9):
        left = -0.42 + number * 0.1
        pen.box(left, 0.34, left + 0.055, 0.39, fill=_shade(stone, 0.06))
    pen.box(-0.09, 0, 0.11, 0.22, fill=INK, round=0.08)
    pen.box(-0.09, -0.01, 0.11, 0.1, fill=INK)
    for x in (-0.3, -0.2, 0.22, 0.32):
        pen.box(x - 0.014, 0.17, x + 0.014, 0.25, fill=LAMP, round=0.012)


def _tower(pen: _Pen, x: float, high: float, wide: float, stone: Colour) -> None:
    roof = pen.colours.accent
    pen.box(x - wide, 0, x + wide, high, fill=stone)
    pen.box(x + wide * 0.3, 0, x + wide, high, fill=_shade(stone, -0.2))
    pen.poly((x - wide * 1.25, high), (x + wide * 1.25, high), (x, high + 0.26), fill=roof)
    pen.poly((x + wide * 0.3, high), (x + wide * 1.25, high), (x, high + 0.26), fill=_shade(roof, -0.25))
    pen.line((x, high + 0.24), (x, high + 0.34), fill=INK, width=0.01)
    pen.poly((x, high + 0.34), (x + 0.09, high + 0.315), (x, high + 0.285), fill=LAMP)
    pen.box(x - 0.018, high - 0.14, x + 0.018, high - 0.05, fill=LAMP, round=0.016)


def _mountain(pen: _Pen) -> None:
    rock = _mix(pen.colours.far, pen.colours.near, 0.45)
    snow = _mix(WHITE, pen.colours.haze, 0.15)
    pen.poly(
        (-0.95, -0.02),
        (-0.45, 0.5),
        (-0.32, 0.44),
        (0, 1),
        (0.3, 0.55),
        (0.42, 0.6),
        (0.95, -0.02),
        fill=rock,
    )
    shadow = (
        (0, 1),
        (0.3, 0.55),
        (0.42, 0.6),
        (0.95, -0.02),
        (0.2, -0.02),
        (0.1, 0.3),
        (0.16, 0.5),
        (0.02, 0.72),
    )
    pen.poly(*shadow, fill=_shade(rock, -0.3))
    pen.poly((0, 1), (-0.16, 0.72), (-0.09, 0.74), (-0.05, 0.64), (0.02, 0.72), fill=snow)
    pen.poly((0, 1), (0.02, 0.72), (0.08, 0.66), (0.12, 0.73), (0.18, 0.73), fill=_shade(snow, -0.16))
    pen.poly((-0.45, 0.5), (-0.55, 0.395), (-0.47, 0.42), (-0.42, 0.36), (-0.36, 0.46), fill=snow)


def _robot(pen: _Pen) -> None:
    steel, light = _mix(pen.colours.haze, (150, 166, 180), 0.7), pen.colours.accent
    dark = _shade(steel, -0.45)
    for side in (-1, 1):
        pen.box(min(side * 0.07, side * 0.17), 0, max(side * 0.07, side * 0.17), 0.24, fill=dark)
        pen.oval(side * 0.135, 0.02, 0.1, 0.04, fill=steel)
        pen.line((side * 0.24, 0.55), (side * 0.34, 0.4), (side * 0.33, 0.25), fill=dark, width=0.06)
        pen.oval(side * 0.33, 0.24, 0.055, fill=steel)
    pen.box(-0.25, 0.2, 0.25, 0.6, fill=steel, round=0.06)
    pen.box(0.1, 0.21, 0.25, 0.59, fill=_shade(steel, -0.18), round=0.05)
    pen.box(-0.13, 0.33, 0.13, 0.5, fill=dark, round=0.02)
    for number in range(3):
        pen.oval(-0.075 + number * 0.075, 0.415, 0.024, fill=(light, LAMP, (126, 214, 160))[number])
    pen.box(-0.06, 0.6, 0.06, 0.66, fill=dark)
    pen.box(-0.21, 0.64, 0.21, 0.9, fill=_shade(steel, 0.15), round=0.07)
    pen.box(-0.16, 0.7, 0.16, 0.84, fill=INK, round=0.05)
    for x in (-0.075, 0.075):
        pen.glow(x, 0.77, 0.12, fill=light, alpha=0.8)
        pen.oval(x, 0.77, 0.034, fill=_shade(light, 0.45))
    pen.line((0, 0.9), (0, 0.98), fill=dark, width=0.02)
    pen.oval(0, 0.99, 0.03, fill=light)


def _flower(pen: _Pen) -> None:
    leaf = _mix(pen.colours.near, (84, 142, 80), 0.6)
    for x, high, share in ((-0.3, 0.62, 0.75), (0.28, 0.72, 0.85), (0.0, 0.84, 1.1)):
        petal = _turn(pen.colours.accent, pen.dice.uniform(-50, 50))
        pen.line((x * 0.3, 0), (x * 0.8, high * 0.5), (x, high), fill=leaf, width=0.024)
        side = 1 if x >= 0 else -1
        pen.poly(
            (x * 0.5, high * 0.3),
            (x * 0.5 + side * 0.16, high * 0.5),
            (x * 0.55, high * 0.46),
            fill=_shade(leaf, 0.12),
        )
        _blossom(pen.part(x, high, 0.2 * share), petal)


def _blossom(pen: _Pen, petal: Colour) -> None:
    for ring, reach, count in ((-0.22, 0.52, 8), (0.0, 0.42, 8), (0.2, 0.28, 6)):
        for number in range(count):
            angle = (number + ring * 2) * math.tau / count
            pen.oval(math.cos(angle) * reach, math.sin(angle) * reach, 0.27, fill=_shade(petal, ring))
    pen.oval(0, 0, 0.2, fill=LAMP)
    pen.oval(0, 0, 0.11, fill=_shade(LAMP, -0.3))


def _city(pen: _Pen) -> None:
    for row, (shade, share) in enumerate(((0.3, 1.0), (0.05, 0.72), (-0.25, 0.45))):
        x = -1.35
        wall = _mix(
            _mix(pen.colours.near, pen.colours.haze, 0.25 - row * 0.12), pen.colours.ground, row * 0.3
        )
        while x < 1.35:
            wide = pen.dice.uniform(0.12, 0.24)
            high = share * pen.dice.uniform(0.45, 1.0) * (1 - abs(x) * 0.35)
            _block(pen, (x, wide, high), _shade(wall, shade * 0.4))
            x += wide + pen.dice.uniform(-0.02, 0.06)


def _block(pen: _Pen, place: tuple[float, float, float], wall: Colour) -> None:
    x, wide, high = place
    pen.box(x, -0.03, x + wide, high, fill=wall)
    pen.box(x + wide * 0.72, -0.03, x + wide, high, fill=_shade(wall, -0.2))
    if pen.dice.random() < 0.35:
        pen.line((x + wide / 2, high), (x + wide / 2, high + 0.12), fill=wall, width=0.01)
    columns, rows = max(int(wide / 0.045), 1), max(int(high / 0.055), 1)
    for number in range(columns * rows):
        if pen.dice.random() < 0.2 + pen.detail * 0.35:
            left = x + 0.015 + number % columns * 0.045
            low = high - 0.05 - number // columns * 0.055
            lit = _mix(LAMP, pen.colours.accent, 0.5 if pen.dice.random() < 0.15 else 0)
            pen.box(left, low, left + 0.022, low + 0.03, fill=_mix(wall, lit, 0.85))


def _bird(pen: _Pen) -> None:
    for number in range(5):
        x, y, wing = pen.dice.uniform(-0.9, 0.9), pen.dice.uniform(0, 0.8), pen.dice.uniform(0.09, 0.17)
        lift = wing * pen.dice.uniform(0.35, 0.6)
        ink = _mix(INK, pen.colours.sky, 0.1 * number)
        left = (
            (x - wing, y + lift),
            (x - wing * 0.45, y + lift * 0.95),
            (x, y),
            (x - wing * 0.5, y + lift * 0.55),
        )
        pen.poly(*left, fill=ink)
        pen.poly(*((2 * x - px, py) for px, py in left), fill=ink)


def _balloon(pen: _Pen) -> None:
    skin = pen.colours.accent
    for x in (-0.13, 0.13):
        pen.line((x * 0.6, 0.14), (x * 1.7, 0.45), fill=INK, width=0.008)
    pen.poly((-0.28, 0.5), (0.28, 0.5), (0.09, 0.24), (-0.09, 0.24), fill=_shade(skin, -0.1))
    pen.oval(0, 0.65, 0.34, 0.35, fill=skin)
    pen.oval(0, 0.65, 0.24, 0.35, fill=WHITE)
    pen.oval(0, 0.65, 0.13, 0.35, fill=skin)
    pen.poly((-0.06, 0.32), (0.06, 0.32), (0.05, 0.24), (-0.05, 0.24), fill=_shade(skin, -0.25))
    pen.glow(-0.12, 0.78, 0.24, fill=WHITE, alpha=0.5)
    pen.box(-0.08, 0, 0.08, 0.14, fill=(122, 82, 52), round=0.02)


def _planet(pen: _Pen) -> None:
    ball = _mix(pen.colours.accent, pen.colours.far, 0.4)
    pen.glow(0, 0.5, 0.8, fill=_shade(ball, 0.3), alpha=0.4)
    ring = [(math.cos(t / 40 * math.tau), math.sin(t / 40 * math.tau)) for t in range(41)]
    tilted = [(x * 0.72, 0.5 + y * 0.14 + x * 0.2) for x, y in ring]
    pale = _shade(ball, 0.5)
    pen.line(*tilted, fill=pale, width=0.035)
    pen.oval(0, 0.5, 0.4, fill=ball)
    for y, share in ((0.66, 0.14), (0.5, -0.1), (0.34, -0.2)):
        wide = math.sqrt(0.16 - (y - 0.5) ** 2) * 0.96
        pen.oval(0, y, wide, 0.05, fill=_shade(ball, share))
    pen.line(*tilted[19:41], fill=pale, width=0.04)


def _totem(pen: _Pen) -> None:
    """For prompts that name nothing we can draw: balanced stones before a ring, their own for each prompt."""
    dice, accent = pen.dice, pen.colours.accent
    pen.arc(0, 0.62, 0.46, 0, 360, fill=accent, width=0.028)
    pen.arc(
        0, 0.62, 0.36, dice.uniform(0, 180), dice.uniform(200, 340), fill=_shade(accent, 0.4), width=0.014
    )
    y, wide = 0.0, 0.3
    for number in range(4 + int(dice.random() * 2)):
        high = wide * dice.uniform(0.28, 0.42)
        stone = _turn(_mix(pen.colours.near, WHITE, 0.2 + 0.1 * number), dice.uniform(-30, 30))
        x = dice.uniform(-0.05, 0.05)
        pen.oval(x, y + high, wide, high, fill=_shade(stone, -0.28))
        pen.oval(x - wide * 0.05, y + high * 1.12, wide * 0.92, high * 0.86, fill=stone)
        pen.oval(x - wide * 0.2, y + high * 1.4, wide * 0.5, high * 0.36, fill=_shade(stone, 0.25))
        y, wide = y + high * 1.85, wide * dice.uniform(0.66, 0.8)
    pen.oval(0, y + 0.06, 0.045, fill=LAMP)
    pen.glow(0, y + 0.06, 0.2, fill=LAMP, alpha=0.7)


@frozen
class _Motif:
    paint: Callable[[_Pen], None]
    place: str  # hill, water, horizon, sky or front
    size: float  # of the shorter side, when it is the hero


_MOTIFS: dict[str, _Motif] = {
    "lighthouse": _Motif(_lighthouse, "hill", 0.56),
    "boat": _Motif(_boat, "water", 0.3),
    "tree": _Motif(_tree, "hill", 0.5),
    "forest": _Motif(_forest, "horizon", 0.34),
    "house": _Motif(_house, "hill", 0.34),
    "cat": _Motif(partial(_animal, coat=(58, 52, 66)), "hill", 0.4),
    "fox": _Motif(partial(_animal, coat=(216, 104, 44)), "hill", 0.4),
    "dog": _Motif(partial(_animal, coat=(176, 124, 76), floppy=True), "hill", 0.4),
    "portrait": _Motif(_portrait, "front", 0.84),
    "castle": _Motif(_castle, "hill", 0.46),
    "mountain": _Motif(_mountain, "horizon", 0.42),
    "robot": _Motif(_robot, "hill", 0.52),
    "flower": _Motif(_flower, "hill", 0.46),
    "city": _Motif(_city, "horizon", 0.42),
    "bird": _Motif(_bird, "sky", 0.24),
    "balloon": _Motif(_balloon, "sky", 0.3),
    "planet": _Motif(_planet, "sky", 0.3),
    "": _Motif(_totem, "hill", 0.5),
}
_SYNONYMS = {
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
_DEPTH = {"sky": 0, "horizon": 1, "water": 2, "hill": 3, "front": 4}


def _named(words: Iterable[str]) -> list[str]:
    """The motifs that *words* name, in their order."""
    names = (_SYNONYMS.get(word, word) for word in words)
    return [name for name in dict.fromkeys(names) if name in _MOTIFS]


def _subjects(stage: _Stage) -> None:
    """Paint the motifs, far ones first, and the land in front if any stands on it."""
    names = stage.names
    slope = _Slope(stage, 0.3 if stage.dice("side").random() < 0.5 else 0.7)
    order = sorted(names, key=lambda name: (_DEPTH[_MOTIFS[name].place], -names.index(name)))
    back = [name for name in order if _DEPTH[_MOTIFS[name].place] < _DEPTH["hill"]]
    front = order[len(back) :]
    for name in back:
        _place(stage, slope, name, names.index(name))
    if any(_MOTIFS[name].place == "hill" for name in front) and not stage.scene.transparent:
        slope.paint()
    for name in front:
        _place(stage, slope, name, names.index(name))


@define
class _Slope:
    """The piece of land in front, on which most motifs stand."""

    stage: _Stage
    side: float

    def height(self, share: float) -> float:
        """The y of its surface at *share* of the width."""
        tall = self.stage.image.height
        away = share - self.side
        bump = math.sin(share * 9 + self.side * 20) * 0.008
        return tall * (0.765 + (1.1 if self.stage.water else 0.22) * away * away + bump)

    def paint(self) -> None:
        stage, colours = self.stage, self.stage.colours
        tall = stage.image.height
        heights = [(tall - self.height(n / 90)) / tall for n in range(91)]
        _land(stage.image, heights, tall, tall, _shade(colours.ground, 0.16), _shade(colours.ground, -0.25))
        self.grass()

    def grass(self) -> None:
        stage, dice = self.stage, self.stage.dice("grass")
        pen = ImageDraw.Draw(stage.image)
        width, tall = stage.image.size
        for _ in range(round(60 + stage.detail * 420)):
            x, down = dice.random(), dice.random() ** 2 * 0.16
            y = self.height(x) + down * tall
            long = tall * (0.008 + 0.05 * down + 0.008 * dice.random())
            lean = dice.uniform(-0.5, 0.5) * long
            colour = _shade(stage.colours.ground, dice.uniform(-0.2, 0.3) - down)
            pen.line(
                (x * width, y + 1, x * width + lean, y - long), fill=colour, width=max(round(tall / 480), 1)
            )


def _place(stage: _Stage, slope: _Slope, name: str, rank: int) -> None:
    """Paint one motif: the hero (*rank* 0) where the eye goes, the others smaller around it."""
    motif, dice = _MOTIFS[name], stage.dice(f"motif {name}")
    width, height = stage.image.size
    size = min(width * 1.1, height) * motif.size * dice.uniform(0.94, 1.06)
    if rank and motif.place not in ("horizon", "front"):
        size *= 0.66
    side = slope.side
    if "portrait" in stage.names:  # beside the one who is portrayed
        around = (0.14, 0.86, 0.1, 0.9, 0.16)
    elif motif.place == "hill":  # keep to the land
        around = (side, side + (0.5 - side) * 1.4, side - (0.5 - side), 0.5, side + (0.5 - side) * 0.6)
    else:
        around = (side, 1 - side, 0.5, side * 0.45 + 0.08, 0.92 - side * 0.45)
    x = around[rank % 5] + dice.uniform(-0.03, 0.03)
    if motif.place == "front" or (stage.scene.transparent and rank == 0):
        x = 0.5
    y = {
        "sky": stage.horizon * dice.uniform(0.5, 0.66),
        "horizon": stage.horizon + height * 0.015,
        "water": stage.horizon + (height - stage.horizon) * dice.uniform(0.16, 0.4),
        "hill": min(slope.height(x) + height * (0.015 + rank * 0.012), height * 0.9),
        "front": height * 0.95,
    }[motif.place]
    motif.paint(_Pen(stage.image, (x * width, y), size, stage.colours, dice, stage.detail))


def _lanterns(stage: _Stage) -> None:
    """Each embedding floats through the picture as a lantern of its own colour."""
    unit = min(stage.image.size)
    for name in stage.scene.embeddings:
        dice = _dice("lantern", name)
        x, y = dice.uniform(0.08, 0.92) * stage.image.width, dice.uniform(0.12, 0.6) * stage.image.height
        colour = _tint("embedding", name)
        pen = _Pen(stage.image, (x, y), unit * 0.07, stage.colours, dice, stage.detail)
        pen.glow(0, 0.5, 1.1, fill=colour, alpha=0.7)
        pen.box(-0.26, 0.1, 0.26, 0.9, fill=_mix(colour, LAMP, 0.35), round=0.2)
        pen.box(-0.12, 0.14, 0.12, 0.86, fill=_mix(colour, WHITE, 0.6), round=0.1)
        pen.box(-0.16, 0.0, 0.16, 0.1, fill=_shade(colour, -0.5))


def _drift(stage: _Stage) -> None:
    """Motes of light (snow, if it is winter) that every single setting moves."""
    dice = _dice("drift", stage.scene)
    winter = bool({"snow", "snowy", "winter"} & set(stage.words))
    width, height = stage.image.size
    unit = min(width, height)
    for _ in range(90 if winter else 16):
        x, y = dice.random() * width, dice.random() * height * 0.9
        radius = unit * dice.uniform(0.004, 0.012) * (0.7 if winter else 1)
        _glow(
            stage.image, x, y, radius * (1.6 if winter else 2.6), WHITE if winter else stage.colours.sun, 0.9
        )


# --- the settings that work on the finished painting -------------------------------------------------


def _finish(image: Picture, scene: Scene) -> Picture:
    """Sampler, LoRAs, steps, vae, cfg: what the eye calls style."""
    image = _underdone(image, scene)
    image = _hatch(image, scene)
    for name, weight in scene.loras:
        image = _lora(image, name, weight)
    for name in scene.detailers:
        image = _unsharp(image, 25 + round(_share("detailer", name) * 40))
    if scene.upscaler:
        image = _unsharp(image, 20 + round(_share("upscaler", scene.upscaler) * 30))
    return _tone(image, scene)


def _on_colours(image: Picture, change: Callable[[Picture], Picture]) -> Picture:
    """Apply *change* to the colours and leave the transparency alone."""
    if image.mode != "RGBA":
        return change(image)
    changed = change(image.convert("RGB"))
    changed.putalpha(image.getchannel("A"))
    return changed


def _unsharp(image: Picture, percent: int) -> Picture:
    radius = max(min(image.size) / 400, 0.8)
    return _on_colours(image, lambda rgb: rgb.filter(ImageFilter.UnsharpMask(radius, percent, 2)))


def _underdone(image: Picture, scene: Scene) -> Picture:
    """Too few steps leave a picture half out of the noise."""
    missing = 1 - min(max(scene.steps, 0) / 8, 1.0)
    if not missing:
        return image
    blurred = image.filter(ImageFilter.BoxBlur(missing * min(image.size) / 60))
    return _grain(blurred, missing * 0.5, _dice("noise", scene.seed), INK)


def _hatch(image: Picture, scene: Scene) -> Picture:
    """The sampler is the hand: strokes of its own direction and spacing, in the darker parts."""
    if not scene.sampler:
        return image
    dice = _dice("sampler", scene.sampler)
    strokes = _strokes(dice.choice(("fall", "rise", "level", "cross", "dots")), 4 + int(dice.random() * 5))
    scale = max(min(image.size) / 512, 0.5)
    side = max(round(strokes.width * scale), 8)
    cover = _tiled(strokes.resize((side, side), Image.Resampling.BILINEAR), image.size)
    dark = image.convert("L").point([round(max(150 - level, 12) * 0.55) for level in range(256)])
    colour = _shade(_tint("hand", scene.sampler), 0.35)
    return _on_colours(image, lambda rgb: _laid(rgb, colour, ImageChops.multiply(cover, dark)))


def _laid(image: Picture, colour: Colour, cover: Picture) -> Picture:
    image = image.copy()
    image.paste(colour, (0, 0), cover)
    return image


@lru_cache(maxsize=64)
def _strokes(kind: str, gap: int) -> Picture:
    """A seamless tile of brush strokes."""
    side = gap * 12
    tile = Image.new("L", (side * 2, side * 2))
    pen = ImageDraw.Draw(tile)
    for at in range(-2 * side, 4 * side, gap * 2):
        if kind in ("fall", "cross"):
            pen.line((at, 0, at + 2 * side, 2 * side), fill=255, width=2)
        if kind in ("rise", "cross"):
            pen.line((at, 2 * side, at + 2 * side, 0), fill=255, width=2)
        if kind == "level":
            pen.line((0, at, 2 * side, at), fill=255, width=2)
        if kind == "dots":
            for down in range(0, 2 * side, gap * 2):
                shift = gap if down // (gap * 2) % 2 else 0
                pen.ellipse((at + shift, down, at + shift + gap, down + gap), fill=255)
    return tile.resize((side, side), Image.Resampling.BOX)


def _tiled(tile: Picture, size: tuple[int, int]) -> Picture:
    """*tile* repeated over *size*, doubling each time."""
    sheet = Image.new(tile.mode, size)
    sheet.paste(tile, (0, 0))
    wide, high = tile.size
    while wide < size[0]:
        sheet.paste(sheet.crop((0, 0, min(wide, size[0] - wide), high)), (wide, 0))
        wide *= 2
    while high < size[1]:
        sheet.paste(sheet.crop((0, 0, size[0], min(high, size[1] - high))), (0, high))
        high *= 2
    return sheet


def _lora(image: Picture, name: str, weight: float) -> Picture:
    """A tint of its own colour and a texture, both as strong as the weight; below zero, the opposite tint."""
    amount = min(abs(weight), 2.0)
    colour = _tint("lora", name)
    wash = _turn(colour, 180) if weight < 0 else colour
    tinted = Image.new("RGB", image.size, wash)
    image = _on_colours(
        image, lambda rgb: Image.blend(rgb, ImageChops.soft_light(rgb, tinted), min(amount * 0.5, 1))
    )
    return _texture(name)(image, amount, _dice("texture", name), colour)


def _grain(image: Picture, amount: float, dice: Random, _colour: Colour) -> Picture:
    """Film grain, fine on small pictures and as coarse as the eye expects on large ones."""
    side = 192
    loud = min(amount, 2.0) * 0.3
    noise = Image.frombytes("L", (side, side), dice.randbytes(side * side))
    scale = max(min(image.size) / 700, 1)
    noise = noise.resize((round(side * scale),) * 2, Image.Resampling.BILINEAR) if scale > 1 else noise
    noise = _tiled(noise.point([round(level * loud) for level in range(256)]), image.size)
    sheet = Image.merge("RGB", (noise,) * 3)
    return _on_colours(image, lambda rgb: ImageChops.add(rgb, sheet, 1, -round(127 * loud)))


def _bokeh(image: Picture, amount: float, dice: Random, colour: Colour) -> Picture:
    lights = image.convert("RGB")
    unit = min(image.size)
    for _ in range(22):
        x, y = dice.random() * image.width, dice.random() * image.height
        _glow(lights, x, y, unit * dice.uniform(0.03, 0.13), _shade(colour, 0.3), min(0.55 * amount, 1))
    return _on_colours(image, lambda _: lights)


def _contour(image: Picture, amount: float, _dice: Random, colour: Colour) -> Picture:
    """Pen lines along the edges."""
    lines = _edges(image.convert("L")).point(
        [min(round(level * 3 * min(amount, 1)), 255) for level in range(256)]
    )
    return _on_colours(image, lambda rgb: _laid(rgb, _shade(colour, -0.8), lines))


def _wash(image: Picture, amount: float, dice: Random, colour: Colour) -> Picture:
    """Watercolour: soft blotches of more and less pigment."""
    blotches = Image.frombytes("L", (12, 12), dice.randbytes(144)).resize(
        image.size, Image.Resampling.BICUBIC
    )
    cover = blotches.point([round(max(level - 110, 0) * 0.8 * min(amount, 1)) for level in range(256)])
    soft = image.filter(ImageFilter.BoxBlur(max(min(image.size) / 300, 0.5)))
    return _on_colours(soft, lambda rgb: _laid(rgb, _shade(colour, 0.55), cover))


def _pixels(image: Picture, amount: float, _dice: Random, _colour: Colour) -> Picture:
    cell = max(min(image.size) * 0.018 * min(amount, 1.5), 1.0)
    small = max(round(image.width / cell), 1), max(round(image.height / cell), 1)
    return image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.NEAREST)


_Texture: TypeAlias = Callable[[Picture, float, Random, Colour], Picture]
_TEXTURES: dict[str, _Texture] = {
    "grain": _grain, "film": _grain, "noise": _grain, "analog": _grain, "photo": _grain, "pixel": _pixels,
    "glow": _bokeh, "neon": _bokeh, "light": _bokeh, "bokeh": _bokeh, "dream": _bokeh,
    "ink": _contour, "line": _contour, "sketch": _contour, "manga": _contour, "anime": _contour,
    "comic": _contour, "water": _wash, "paint": _wash, "oil": _wash, "ghibli": _wash,
}  # fmt: skip


def _texture(name: str) -> _Texture:
    """The texture that the LoRA's name speaks of, else one that belongs to the name."""
    for word, texture in _TEXTURES.items():
        if word in name.lower():
            return texture
    return (_grain, _bokeh, _wash, _contour)[int(_share("texture of", name) * 4)]


def _tone(image: Picture, scene: Scene) -> Picture:
    """Contrast and saturation from cfg, a cast from the vae, and a trace of everything else."""
    strength = min(max(scene.cfg_scale, 0.0), 30.0)
    contrast = 0.62 + 0.38 * (strength / 7) ** 0.6
    full = 0.6 + 0.4 * (strength / 7) ** 0.7
    dice = _dice("tone", scene)
    vae = _dice("vae", scene.vae)
    table: list[int] = []
    for _ in range(3):
        cast = vae.uniform(-16, 16) if scene.vae else 0.0
        # No setting may go unseen, however small its own effect: all of them bend the curve a little.
        knots = [dice.uniform(-5, 5) for _ in range(5)]
        for level in range(256):
            place, share = divmod(level / 64, 1)
            trace = knots[int(place)] * (1 - share) + knots[int(place) + 1] * share
            bright = 128 + (level - 128) * contrast + cast * math.sin(level / 255 * math.pi) + trace
            table.append(min(max(round(bright), 0), 255))
    return _on_colours(image, lambda rgb: ImageEnhance.Color(rgb).enhance(full).point(table))


# --- pictures as input -----------------------------------------------------------------------------


def _load(data: bytes, size: tuple[int, int], mode: str) -> Picture:
    """The picture in *data* at *size*; it keeps an alpha channel that it has."""
    with Image.open(io.BytesIO(data)) as image:
        see_through = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
        picture = image.convert("RGBA" if see_through or mode == "RGBA" else "RGB")
    picture.info = {}
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _threshold(data: bytes, size: tuple[int, int]) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        grey = image.convert("L").resize(size, Image.Resampling.NEAREST)
    return grey.point([255 if level >= 128 else 0 for level in range(256)])


def _inpaint(before: Picture, drawing: Picture, mask: Picture, scene: Scene) -> Picture:
    """*drawing* where *mask* is white.  The caption only goes where it fits wholly inside."""
    share = 1.0 if scene.strength is None else min(max(scene.strength, 0.0), 1.0)
    fresh = Image.blend(before, drawing, share)
    area = mask.getbbox()
    if area and share:
        left, _, right, bottom = area
        captioned = _caption(fresh, scene, area)
        changed = ImageChops.difference(captioned.convert("RGB"), fresh.convert("RGB")).getbbox() or area
        if mask.crop((left, changed[1], right, bottom)).getextrema() == (255, 255):
            fresh = captioned
    fresh.paste(before, (0, 0), ImageChops.invert(mask))
    return fresh


def _edges(grey: Picture) -> Picture:
    """Outlines; the frame of the picture is not one of them."""
    found = grey.filter(ImageFilter.FIND_EDGES)
    ImageDraw.Draw(found).rectangle((0, 0, found.width - 1, found.height - 1), outline=0)
    return found


def _trace(image: Picture, data: bytes, weight: float) -> Picture:
    """The outlines of a control image, drawn faintly over."""
    grey = _load(data, image.size, "RGB").convert("L")
    loud = min(max(weight, 0.05), 2.0) * 1.4
    cover = _edges(grey).point([min(round(level * loud), 190) for level in range(256)])
    return _laid(image, WHITE, cover)


# --- words on the picture --------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _facts(scene: Scene) -> list[str]:
    """The caption's items, the most telling first."""
    strength = [] if scene.strength is None else [f"strength {scene.strength:g}"]
    items = [
        *scene.labels,
        scene.model,
        f"seed {scene.seed}",
        f"{scene.steps} steps",
        f"cfg {scene.cfg_scale:g}",
        scene.sampler,
        f"{scene.width}x{scene.height}",
        *(f"{name} {weight:g}" for name, weight in scene.loras),
        *strength,
        *(f"{name} {weight:g}" for name, weight in scene.controls),
        *scene.embeddings,
        scene.vae if "vae" in scene.vae.lower() or not scene.vae else f"vae {scene.vae}",
        f"clip skip {scene.clip_skip}" if scene.clip_skip != 1 else "",
        *scene.detailers,
        scene.upscaler,
    ]
    # The built-in font knows Latin letters only.
    return [item.encode("latin-1", "replace").decode("latin-1") for item in items if item]


def _caption(image: Picture, scene: Scene, area: tuple[int, int, int, int]) -> Picture:
    """A strip along the foot of *area* with the main facts, and a row of colours that no other scene has."""
    left, top, right, bottom = area
    size = min(max(round(min(image.size) * 0.027), 9), 44)
    gap = max(round(size * 0.5), 2)
    chips = _chips(scene, max(size // 3, 2))
    wide = right - left - 2 * gap
    lines = _flow(_facts(scene), size, wide - chips.width - gap, rows=_rows(bottom - top, size))
    high = len(lines) * round(size * 1.35) + gap if lines else chips.height + 2
    strip = max(bottom - high, top)
    image = image.copy()
    image.paste(INK, (left, strip), Image.new("L", (right - left, bottom - strip), 158))
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        y = strip + gap // 2 + number * round(size * 1.35)
        pen.text((left + gap, y), line, font=_font(size), fill=WHITE if number == 0 else (206, 204, 212))
    image.paste(
        chips, (max(right - chips.width - gap, left), strip + max((bottom - strip - chips.height) // 2, 0))
    )
    return image


def _rows(height: int, size: int) -> int:
    """How many lines of text a picture of that height can spare: a quarter of it, at most three."""
    return min(int(height * 0.25 / (size * 1.35)), 3)


def _flow(items: Sequence[str], size: int, width: int, rows: int) -> list[str]:
    """Items into at most *rows* lines; what does not fit is counted, not cut."""
    font = _font(size)
    lines: list[str] = []
    for number, item in enumerate(items):
        item = _fitted(item, font, width)
        longer = f"{lines[-1]}  ·  {item}" if lines else item
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        elif len(lines) < rows:
            lines.append(item)
        else:
            return (
                [*lines[:-1], _fitted(f"{lines[-1]}  +{len(items) - number}", font, width)] if lines else []
            )
    return lines


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """*text*, its middle left out if it is too long."""
    if font.getlength(text) <= width:
        return text
    keep = max(int(len(text) * width / max(font.getlength(text), 1)) - 3, 2)
    return f"{text[: keep - keep // 3]}...{text[len(text) - keep // 3 :]}"


def _chips(scene: Scene, side: int) -> Picture:
    """The fingerprint of a scene: two rows of small coloured squares."""
    digest = bytes.fromhex(_digest(scene))
    chips = Image.frombytes("RGB", (5, 2), digest[:30])
    return chips.resize((5 * side, 2 * side), Image.Resampling.NEAREST)


def _stamp(image: Picture, before: Picture, text: str, fact: Mapping[str, object]) -> Picture:
    """Record a later pass in the image's info and on its upper right corner, below the earlier passes."""
    passes = (*before.info.get(_PASSES, ()), dict(fact))
    size = min(max(round(min(image.size) * 0.027), 9), 44)
    font, pad = _font(size), max(size // 3, 2)
    text = _fitted(text.encode("latin-1", "replace").decode("latin-1"), font, image.width - 4 * pad)
    wide, high = round(font.getlength(text)) + 2 * pad, round(size * 1.25) + pad
    left, top = image.width - wide - pad, pad + (len(passes) - 1) * (high + pad // 2)
    pill = Image.new("L", (wide, high))
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, wide - 1, high - 1), pad, fill=170)
    image.paste(INK, (left, top), pill)
    ImageDraw.Draw(image).text((left + pad, top + pad // 2), text, font=font, fill=WHITE)
    image.info[_PASSES] = passes
    return image


def _detail_box(size: tuple[int, int], name: str) -> tuple[int, int, int, int]:
    """Where a detail pass works: as good a guess as the name allows."""
    spots = {"face": (0.3, 0.14, 0.7, 0.58), "eye": (0.34, 0.24, 0.66, 0.44), "hand": (0.2, 0.5, 0.8, 0.82)}
    shares = next((spot for word, spot in spots.items() if word in name.lower()), (0.15, 0.12, 0.85, 0.82))
    left, top, right, bottom = (round(share * size[number % 2]) for number, share in enumerate(shares))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _brackets(image: Picture, box: tuple[int, int, int, int], colour: Colour) -> None:
    left, top, right, bottom = box
    pen, thick = ImageDraw.Draw(image), max(min(image.size) // 256, 1)
    arm = max(min(right - left, bottom - top) // 8, 2)
    for x, to_x in ((left, left + arm), (right, right - arm)):
        for y, to_y in ((top, top + arm), (bottom, bottom - arm)):
            pen.line((to_x, y, x, y, x, to_y), fill=colour, width=thick)


# --- files -----------------------------------------------------------------------------------------


def _exif(text: str) -> Image.Exif:
    exif = Image.Exif()
    if len(text) < _EXIF_LIMIT:
        exif[_EXIF_TEXT] = text
    return exif


def _opaque(image: Picture) -> Picture:
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGB", image.size, WHITE)
    paper.paste(image, (0, 0), image)
    return paper


def _frame(still: Picture, number: int, total: int, scene: Scene) -> Picture:
    """One picture of the film: a little closer each time, never equal to the last (WebP would merge them)."""
    width, height = still.size
    share = number / max(total - 1, 1)
    close = 1 - 0.1 * share
    drift = 0.1 * share * (_share("camera", scene.seed) - 0.5)
    box = (
        width * ((1 - close) / 2 + drift / 2),
        height * (1 - close) * 0.3,
        width * ((1 + close) / 2 + drift / 2),
        height * (close + (1 - close) * 0.3),
    )
    frame = still.resize(still.size, Image.Resampling.BILINEAR, box)
    pen, thick = ImageDraw.Draw(frame), max(height // 100, 2)
    pen.rectangle((0, 0, width, thick), fill=INK)
    pen.rectangle((0, 0, width * (number + 1) / total, thick), fill=LAMP)
    size = min(max(round(min(width, height) * 0.03), 9), 40)
    pen.rectangle((0, thick, size * 5, thick + size * 1.5), fill=INK)
    pen.text((size // 2, thick + size // 8), f"{number + 1}/{total}", font=_font(size), fill=WHITE)
    return frame
