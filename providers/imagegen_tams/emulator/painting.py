"""Recipes become files: each pass in order, with everything that was understood in the file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence

from attrs import evolve, frozen
from PIL import Image, ImageOps

from imagegen.emulator import draw
from imagegen.emulator.draw import Scene
from imagegen.emulator.effects import find
from imagegen.emulator.faults import Fault, without_marks

from .recipe import Detail, Diffuse, Film, Inpaint, Pass, Recipe, Sampling, Upscale

LABEL = "TAMS emulator"

Read = Callable[[str], bytes]
"""Returns the bytes of a resource."""


@frozen(kw_only=True)
class Painting:
    """A finished file."""

    data: bytes
    width: int
    height: int
    seed: int
    media_type: str = "image/png"
    suffix: str = "png"


def paint(recipe: Recipe, seed: int, read: Read, faults: Sequence[Fault] = ()) -> Painting:
    """Make the picture or film of *recipe* with *seed*; *faults* make the vendor do other than it was told."""
    easel = _Easel(seed=_number(faults, "seed", seed), read=read, faults=tuple(faults))
    film = next((step for step in recipe.passes if isinstance(step, Film)), None)
    if film is not None:
        return easel.film(film)
    image = _open(read(recipe.source)) if recipe.source else None
    for step in recipe.passes:
        image = easel.apply(step, image, recipe)
    if image is None:
        raise ValueError("a recipe without passes and without a picture")
    scene = easel.scene(recipe.about, _drawn_size(recipe, image), _told_later(recipe.passes))
    scene = evolve(scene, strength=next(iter(_strengths(recipe.passes)), None))
    data = draw.encode(image, scene, "png", {"emulator": LABEL})
    return Painting(data=data, width=image.width, height=image.height, seed=easel.seed)


@frozen(kw_only=True)
class _Easel:
    seed: int
    read: Read
    faults: tuple[Fault, ...]

    def scene(self, sampling: Sampling, size: tuple[int, int], extra: Iterable[tuple[str, str]] = ()) -> Scene:
        """Return *sampling* as the painter takes it."""
        return Scene(
            prompt=without_marks(sampling.prompt),
            negative_prompt=sampling.negative_prompt,
            model=sampling.model,
            width=size[0],
            height=size[1],
            seed=self.seed,
            steps=_number(self.faults, "steps", sampling.steps),
            cfg_scale=sampling.cfg_scale,
            sampler=sampling.sampler,
            clip_skip=sampling.clip_skip,
            loras=() if find(self.faults, "ignore_loras") else sampling.loras,
            embeddings=sampling.embeddings,
            vae=sampling.vae,
            controls=tuple((control.name, control.weight) for control in sampling.controls),
            transparent=sampling.transparent,
            extra=(*sampling.extra, *extra),
            labels=(LABEL,),
        )

    def apply(self, step: Pass, image: Image.Image | None, recipe: Recipe) -> Image.Image:
        """Return the picture after *step*."""
        if isinstance(step, Diffuse):
            return self._diffuse(step, image)
        if image is None:
            raise ValueError("nothing to work on")
        if isinstance(step, Inpaint):
            return self._inpaint(step, image)
        scene = self.scene(recipe.about, image.size)
        if isinstance(step, Upscale):
            words = (("upscale", f"{step.steps} steps, strength {step.strength:g}"),)
            scene = evolve(scene, upscaler=step.name, extra=(*scene.extra, *words))
            return draw.upscale(image, *step.size(*image.size), scene=scene)
        if isinstance(step, Detail):
            extra = (*scene.extra, *step.words)
            scene = evolve(scene, prompt=without_marks(step.prompt) or scene.prompt, extra=extra)
            return draw.detail(image, scene=scene, name=step.name)
        raise TypeError(f"no way to paint {type(step).__name__}")

    def film(self, film: Film) -> Painting:
        """Return a film as an animated WebP."""
        scene = self.scene(film.sampling, (film.width, film.height))
        return Painting(
            data=draw.animate(scene, film.frames, film.fps),
            width=film.width,
            height=film.height,
            seed=self.seed,
            media_type="image/webp",
            suffix="webp",
        )

    def _diffuse(self, step: Diffuse, image: Image.Image | None) -> Image.Image:
        if step.strength is None or image is None:
            scene = self.scene(step.sampling, (step.width, step.height))
            return draw.draw(scene, control_images=self._guides(step.sampling))
        size = (step.width or image.width, step.height or image.height)
        scene = evolve(self.scene(step.sampling, size), strength=step.strength)
        return _after(image, draw.draw(scene, init=_png(image), control_images=self._guides(step.sampling)))

    def _inpaint(self, step: Inpaint, image: Image.Image) -> Image.Image:
        size = (step.width or image.width, step.height or image.height)
        mask = self._mask(step)
        if size != image.size:
            mask = _png(_open(mask).resize(size, Image.Resampling.NEAREST))
        scene = evolve(self.scene(step.sampling, size), strength=step.strength)
        guides = self._guides(step.sampling)
        return _after(image, draw.draw(scene, init=_png(image.resize(size)), mask=mask, control_images=guides))

    def _mask(self, step: Inpaint) -> bytes:
        if not (step.alpha or step.invert):
            return self.read(step.mask)
        mask = _open(self.read(step.mask))
        grey = mask.convert("RGBA").getchannel("A") if step.alpha else mask.convert("L")
        return _png(ImageOps.invert(grey) if step.alpha != step.invert else grey)

    def _guides(self, sampling: Sampling) -> list[bytes]:
        return [self.read(control.image) for control in sampling.controls]


def _told_later(passes: Sequence[Pass]) -> list[tuple[str, str]]:
    """What the later passes were told, for the metadata."""
    told: list[tuple[str, str]] = []
    for step in passes:
        if isinstance(step, Upscale):
            told.append((f"upscale {step.name}", f"{step.steps} steps, strength {step.strength:g}"))
        elif isinstance(step, Detail):
            words = (("prompt", step.prompt),) if step.prompt else ()
            told += [(f"detail {step.name} {name}", value) for name, value in (*words, *step.words)]
    return [*told, *(("then strength", f"{strength:g}") for strength in _strengths(passes)[1:])]


def _strengths(passes: Sequence[Pass]) -> list[float]:
    drawn = [step.strength for step in passes if isinstance(step, (Diffuse, Inpaint))]
    return [strength for strength in drawn if strength is not None]


def _drawn_size(recipe: Recipe, image: Image.Image) -> tuple[int, int]:
    """The size that was drawn at; later passes tell theirs themselves."""
    sizes = ((step.width, step.height) for step in recipe.passes if isinstance(step, Diffuse) and step.width)
    return next(sizes, image.size)


def _number(faults: Sequence[Fault], name: str, default: int) -> int:
    fault = find(faults, name)
    return default if fault is None else int(fault.number(default))


def _after(before: Image.Image, image: Image.Image) -> Image.Image:
    """Let the passes so far travel on: they are kept in the picture's info."""
    image.info.update(before.info)
    return image


def _open(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        opened = image.convert("RGBA" if image.mode in ("RGBA", "LA", "P") else "RGB")
    opened.info.clear()
    return opened


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
