"""
Writes the pages of this folder that are made from the program itself.

    python docs/generate.py            writes them
    python docs/generate.py --check    says which are out of date, and fails

`fidelity.md`: every neutral field at every installed provider in every operation, by planning a request for each of
its values.  `coverage.md`: every documented field and how it is reached.  Planning is pure, so this needs no key and no
network.  Nothing in here names a vendor.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import attrs
from attrs import define, field, frozen

from imagegen import catalogue, fidelity, plugins, settings
from imagegen.images import Blob, inspect_input
from imagegen.planning import Desk, draft, inputs
from imagegen.plans import Note, Plan
from imagegen.provider import Provider
from imagegen.request import GenerationRequest, leaves

FOLDER = Path(__file__).parent
WORST = ("exact", "adjusted", "emulated", "approximated", "dropped")
_NUMBERS = re.compile(r"\[\d+\]")

# --- what is asked -------------------------------------------------------------------------------------------------


@frozen
class Probe:
    """One value of one field: what is added to an operation's request, and the leaves that are looked at."""

    label: str
    words: Mapping[str, Any]
    paths: tuple[str, ...]


def _probe(label: str, *paths: str, **words: Any) -> Probe:
    return Probe(label, words, paths or tuple(words))


CONTROL: Mapping[str, Any] = {"module": "canny", "image": "picture"}
OPERATIONS: Mapping[str, Mapping[str, Any]] = {
    "text to image": {},
    "image to image": {"init_image": "picture"},
    "inpaint": {"init_image": "picture", "mask_image": "picture"},
    "ControlNet": {"controls": [CONTROL]},
    "upscale": {"upscale": {}},
    "detail": {"detailers": [{}]},
}
EVERYWHERE = (
    _probe("prompt"),
    _probe("prompt with weights", "prompt", prompt="a (red:1.3) cat, ((sharp)), [dull]"),
    _probe("prompt with BREAK", "prompt", prompt="a cat BREAK on a sofa"),
    _probe("prompt with scheduling", "prompt", prompt="a [cat:dog:0.5]"),
    _probe("prompt with `<lora:...>`", "prompt", prompt="a cat <lora:LORA:0.8>"),
    _probe("negative_prompt", negative_prompt="blurry"),
    _probe("model"),
    _probe("512x512", "width", "height", width=512, height=512),
    _probe("640x960", "width", "height", width=640, height=960),
    _probe("1216x832", "width", "height", width=1216, height=832),
    _probe("2048x2048", "width", "height", width=2048, height=2048),
    _probe("500x500", "width", "height", width=500, height=500),
    _probe("n = 1", "n", n=1),
    _probe("n = 4", "n", n=4),
    _probe("n = 6", "n", n=6),
    _probe("steps = 20", "steps", steps=20),
    _probe("steps = 31", "steps", steps=31),
    _probe("steps = 60", "steps", steps=60),
    _probe("cfg_scale = 7", "cfg_scale", cfg_scale=7.0),
    _probe("cfg_scale = 30", "cfg_scale", cfg_scale=30.0),
    _probe("cfg_scale = 50", "cfg_scale", cfg_scale=50.0),
    _probe("distilled_guidance = 3.5", "distilled_guidance", distilled_guidance=3.5),
    *(
        _probe(f"{sampler} {schedule}", "sampler", "schedule", sampler=sampler, schedule=schedule)
        for sampler, schedule in (
            ("dpmpp_2m", "karras"),
            ("dpmpp_2m", "uniform"),
            ("dpmpp_2m_sde", "karras"),
            ("dpmpp_sde", "karras"),
            ("euler", "uniform"),
            ("euler_a", "uniform"),
            ("euler_a", "karras"),
            ("heun", "uniform"),
            ("lms", "uniform"),
            ("ddim", "native"),
            ("plms", "native"),
            ("unipc", "uniform"),
            ("dpm_fast", "native"),
            ("dpmpp_2m", "exponential"),
        )
    ),
    _probe("seed = 5", "seed", seed=5),
    _probe("seed = 0", "seed", seed=0),
    _probe("seed = 2**40", "seed", seed=2**40),
    _probe("clip_skip = 1", "clip_skip", clip_skip=1),
    _probe("clip_skip = 2", "clip_skip", clip_skip=2),
    *(
        _probe(
            f"LoRA, weight {weight}", "loras[0].model", "loras[0].weight", loras=[{"model": "LORA", "weight": weight}]
        )
        for weight in (0.6, 1.2, -0.5)
    ),
    _probe("LoRA, another clip_weight", "loras[0].clip_weight", loras=[{"model": "LORA", "clip_weight": 0.2}]),
    _probe("LoRA, access_key", "loras[0].access_key", loras=[{"model": "LORA", "access_key": "env:SOME_KEY"}]),
    _probe("model, access_key", "model.access_key", model={"ref": "MODEL", "access_key": "env:SOME_KEY"}),
    _probe("embedding", "embeddings[0].model", embeddings=[{"model": "EMBEDDING"}]),
    _probe("embedding, weight 0.7", "embeddings[0].weight", embeddings=[{"model": "EMBEDDING", "weight": 0.7}]),
    _probe(
        "embedding in the negative", "embeddings[0].target", embeddings=[{"model": "EMBEDDING", "target": "negative"}]
    ),
    _probe(
        "embedding, access_key",
        "embeddings[0].access_key",
        embeddings=[{"model": "EMBEDDING", "access_key": "env:SOME_KEY"}],
    ),
    _probe("vae = Automatic", "vae", vae="Automatic"),
    _probe("vae by name", "vae", vae="vae-ft-mse-840000-ema-pruned.ckpt"),
)
ONLY: Mapping[str, tuple[Probe, ...]] = {
    "image to image": (
        _probe("init_image"),
        _probe("strength = 0.6", "strength", strength=0.6),
        _probe("strength = 1", "strength", strength=1.0),
    ),
    "inpaint": (
        _probe("mask_image"),
        _probe("strength = 0.6", "strength", strength=0.6),
        *(
            _probe(f"inpaint.fill = {fill}", "inpaint.fill", inpaint={"fill": fill})
            for fill in ("original", "blur", "noise", "zero")
        ),
        _probe("inpaint.mask_blur = 0", "inpaint.mask_blur", inpaint={"mask_blur": 0}),
        _probe("inpaint.mask_blur = 8", "inpaint.mask_blur", inpaint={"mask_blur": 8}),
        _probe("inpaint.only_masked", "inpaint.only_masked", inpaint={"only_masked": True}),
        _probe("inpaint.padding", "inpaint.padding", inpaint={"only_masked": True, "padding": 16}),
        _probe("inpaint.invert", "inpaint.invert", inpaint={"invert": True}),
    ),
    "ControlNet": (
        _probe("controls.image", "controls[0].image"),
        _probe("controls.module", "controls[0].module"),
        _probe("controls.model", "controls[0].model", controls=[{**CONTROL, "model": "control_v11p_sd15_canny"}]),
        _probe("controls.weight = 0.8", "controls[0].weight", controls=[{**CONTROL, "weight": 0.8}]),
        _probe("controls.start = 0.2", "controls[0].start", controls=[{**CONTROL, "start": 0.2}]),
        _probe("controls.end = 0.8", "controls[0].end", controls=[{**CONTROL, "end": 0.8}]),
        _probe("two controls", "controls[1].image", controls=[CONTROL, {**CONTROL, "module": "openpose"}]),
    ),
    "upscale": (
        _probe("upscale.scale = 2", "upscale.scale", upscale={"scale": 2.0}),
        _probe("upscale.scale = 1.5", "upscale.scale", upscale={"scale": 1.5}),
        _probe("upscale to 1024x1024", "upscale.width", "upscale.height", upscale={"width": 1024, "height": 1024}),
        _probe("upscale.steps = 10", "upscale.steps", upscale={"steps": 10}),
        _probe("upscale.strength = 0.4", "upscale.strength", upscale={"strength": 0.4}),
        _probe("upscale.upscaler", "upscale.upscaler", upscale={"upscaler": "R-ESRGAN 4x+"}),
    ),
    "detail": (
        _probe("detailers.model", "detailers[0].model", detailers=[{"model": "face_yolov8n.pt"}]),
        _probe("detailers.steps", "detailers[0].steps", detailers=[{"steps": 20}]),
        _probe("detailers.prompt", "detailers[0].prompt", detailers=[{"prompt": "a face"}]),
        _probe("detailers.negative_prompt", "detailers[0].negative_prompt", detailers=[{"negative_prompt": "blurry"}]),
        _probe("detailers.strength", "detailers[0].strength", detailers=[{"strength": 0.4}]),
        _probe("detailers.confidence", "detailers[0].confidence", detailers=[{"confidence": 0.3}]),
        _probe("detailers.dilate", "detailers[0].dilate", detailers=[{"dilate": 4}]),
        _probe("detailers.padding", "detailers[0].padding", detailers=[{"padding": 32}]),
    ),
}


def probes(operation: str) -> tuple[Probe, ...]:
    """Return what is asked in one operation: what belongs to it, then what belongs to every picture."""
    return (*ONLY.get(operation, ()), *EVERYWHERE)


# --- asking --------------------------------------------------------------------------------------------------------


@cache
def desk() -> Desk:
    """Return installed plugins with nothing configured and no catalogue of the user's."""
    registry = plugins.installed()
    config = settings.Config(home=FOLDER)
    return Desk(registry=registry, config=config, catalogue=catalogue.load(registry))


@cache
def _picture() -> Blob:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (512, 512), "white").save(out, "PNG")
    return attrs.evolve(inspect_input(out.getvalue()), source="picture.png")


def _ids(provider: str) -> dict[str, str]:
    """References that the provider surely takes: the ids of its own examples, from the built-in entries."""
    found = {
        kind: next((e.vendor[provider].id for e in desk().catalogue.entries.values()
                    if e.kind == kind and provider in e.vendor), "some-model")
        for kind in ("checkpoint", "lora")
    }  # fmt: skip
    model, lora = f"{provider}:{found['checkpoint']}", f"{provider}:{found['lora']}"
    return {"MODEL": model, "LORA": lora, "EMBEDDING": lora}


def _named(tree: Any, ids: Mapping[str, str]) -> Any:
    """Put references and the picture in place of their names."""
    if isinstance(tree, Mapping):
        return {key: _named(value, ids) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_named(item, ids) for item in tree]
    if isinstance(tree, str) and "<lora:LORA" in tree:
        return tree.replace("LORA", ids["LORA"].partition(":")[2])
    return ids.get(tree, "picture.png" if tree == "picture" else tree) if isinstance(tree, str) else tree


def planned(operation: str, probe: Probe, provider: Provider) -> Plan:
    """Plan the request of a probe; `lenient`, so that only what cannot be done at all is a blocker."""
    words = {"prompt": "a cat", "model": "MODEL", **OPERATIONS[operation], **probe.words}
    request = GenerationRequest.from_dict({**_named(words, _ids(provider.name)), "on_unsupported": "lenient"})
    images = dict.fromkeys(inputs(request), _picture())
    return draft(request, provider, desk(), images=images)


@define
class Footnotes:
    """Reasons, each numbered once."""

    numbers: dict[str, int] = field(factory=dict)

    def mark(self, reason: str) -> str:
        """Return the mark of a reason."""
        return f" [{self.numbers.setdefault(reason, len(self.numbers) + 1)}]" if reason else ""


def cell(plan: Plan, paths: tuple[str, ...], notes: Footnotes) -> str:
    """Say what becomes of some leaves: the worst status, and why."""
    for blocker in plan.blockers:
        if blocker.field in paths or any(path.startswith(blocker.field + ".") for path in paths):
            return f"**blocker**{notes.mark(blocker.reason)}"
    found = [note for note in plan.notes if note.field in paths]
    if not found:
        return "-"
    worst = max(found, key=lambda note: WORST.index(note.status))
    word = worst.status if worst.status == "exact" else f"**{worst.status}**"
    return f"{word}{notes.mark(worst.reason) if worst.status != 'exact' else ''}"


# --- writing -------------------------------------------------------------------------------------------------------

_HEAD = """\
# What comes out differently

*Generated by `python docs/generate.py` from the program itself; do not edit.*

Every neutral field, in every operation, at every installed provider: a request is planned for each value below and
its note is shown. Nothing was sent; `exact` and all else is from the vendors' documents, and what was ever seen at a
live vendor is said by `imagegen providers`.

| word | meaning |
|---|---|
| exact | the same value with the same meaning |
| adjusted | the same meaning, the value snapped or clamped |
| emulated | done by us, or by an extra paid call |
| approximated | another algorithm or scale, or semantics that no document gives |
| dropped | not sent; `strict` refuses it, `balanced` for models, prompts, LoRAs, inputs, masks and controls |
| blocker | this provider cannot do it at all |
"""

_SCORE = """
## The fidelity score

`imagegen.fidelity.score(plan)` is 1 when nothing differs, and 0 when the provider cannot do it. Each leaf of the
request has a weight and loses a share of it; the score is the share of all weight that is left. A number that was
adjusted loses as much as it was moved (30 steps for 31 lose 1/31), at most half. A route can ask for the closest
vendor (`prefer="closest"`) or for a least score (`min_fidelity`).
"""


def fidelity_page() -> str:
    """Return docs/fidelity.md."""
    notes = Footnotes()
    providers = list(desk().registry.providers.values())
    tables = "\n".join(_table(operation, providers, notes) for operation in OPERATIONS)
    reasons = "\n".join(f"{number}. {_escaped(reason)}" for reason, number in notes.numbers.items())
    return "\n".join([_HEAD, tables, "## Why", "", reasons, _SCORE, *_weights()])


def _table(operation: str, providers: list[Provider], notes: Footnotes) -> str:
    heads = " | ".join(provider.name for provider in providers)
    lines = [f"## {operation[0].upper()}{operation[1:]}", "", f"| field | {heads} |", "|---|" + "---|" * len(providers)]
    for probe in probes(operation):
        cells = (
            cell(planned(operation, probe, provider), probe.paths or (probe.label,), notes) for provider in providers
        )
        lines.append(f"| {_escaped(probe.label)} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _weights() -> Iterator[str]:
    table = fidelity.table()
    by_weight: dict[float, list[str]] = {}
    for name, weight in table["weight"].items():
        by_weight.setdefault(weight, []).append(f"`{name}`")
    yield "| weight | fields |\n|---|---|"
    for weight, names in sorted(by_weight.items(), reverse=True):
        yield f"| {weight} | {', '.join(names)} |"
    yield f"| {table['other']} | all others |\n"
    yield "| status | share lost |\n|---|---|"
    for status, share in table["share"].items():
        yield f"| {status} | {share} |"
    yield ""


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def covered() -> frozenset[str]:
    """Return every neutral leaf that the matrix shows, without numbers: `loras.weight`."""
    found = set()
    for operation in OPERATIONS:
        for probe in probes(operation):
            found |= {_NUMBERS.sub("", path) for path in probe.paths or (probe.label,)}
    return frozenset(found)


def leaf_names(request: Any) -> frozenset[str]:
    """Return the leaves of a request, without numbers."""
    return frozenset(_NUMBERS.sub("", path) for path in leaves(request))


def every_note() -> Iterator[tuple[str, Note]]:
    """Yield the notes of every probe at every provider."""
    for operation in OPERATIONS:
        for probe in probes(operation):
            for provider in desk().registry.providers.values():
                yield from ((provider.name, note) for note in planned(operation, probe, provider).notes)


def coverage_page() -> str:
    """Return docs/coverage.md (`covering.py` writes it, and knows the vendors by name)."""
    import covering

    return covering.page(every_note())


PAGES = {"fidelity.md": fidelity_page, "coverage.md": coverage_page}


def main(arguments: list[str]) -> int:
    """Write the pages, or check them."""
    stale = []
    for name, write in PAGES.items():
        file, text = FOLDER / name, write()
        if "--check" not in arguments:
            file.write_text(text, "utf-8")
        elif not file.is_file() or file.read_text("utf-8") != text:
            stale.append(name)
    if stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run python docs/generate.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
