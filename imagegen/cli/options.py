"""
The flags that several commands share, and how they become a request.

Values stay text until the request reads them, so that every fault of a command line is found at once and named by
its path, as in a file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from attrs import frozen
from cyclopts import Group, Parameter

from imagegen.errors import Fault, InvalidInput
from imagegen.request import AnyRequest, GenerationRequest, ImageInput, read_size

T = TypeVar("T")

PICTURE = Group("The picture", sort_key=1)
MODELS = Group("Models", sort_key=2)
INPUTS = Group("Pictures that go in, and further passes", sort_key=3)
WHERE = Group("Where and how", sort_key=4)
MONEY = Group("Money", sort_key=5)
OUTPUT = Group("Output", sort_key=6)

FILES = (".toml", ".json")
_OTHER_FILES = (".yaml", ".yml", ".txt", ".md", ".png", ".jpg", ".jpeg", ".webp")


def _flag(help: str, group: Group, metavar: str | None = None, name: str | None = None) -> Parameter:
    return Parameter(name=name, help=help, group=group, metavar=metavar, allow_leading_hyphen=True)


Json = Annotated[bool, Parameter(name="--json", help="Print JSON on stdout and nothing else there.", group=OUTPUT)]
Providers = Annotated[
    tuple[str, ...],
    Parameter(name="--provider", help="Who makes it; repeat it to ask several.", metavar="NAME", group=WHERE),
]
Emulated = Annotated[
    bool, Parameter(help="Ask the emulator in this process: no key, no network, no money.", group=WHERE)
]


def _no_flag(_: object, value: str) -> None:
    """Check that no misspelt flag is taken for the prompt, as `-` may stand for it."""
    if value.startswith("-") and value != "-":
        raise ValueError("Unknown option; a prompt that begins with a hyphen can be said through stdin, with -.")


OfEmulator = Annotated[
    bool, Parameter(name="--emulated", help="The emulator's jobs instead of the real ones.", group=WHERE)
]
Subject = Annotated[
    str,
    Parameter(
        name="PROMPT|FILE",
        help="The prompt (- reads it from stdin), or a .toml or .json file that holds a request.",
        allow_leading_hyphen=True,
        validator=_no_flag,
    ),
]
Form = Annotated[
    str | None, Parameter(help="Another form of the same request, e.g. workflow.", metavar="FORM", group=WHERE)
]
AllNotes = Annotated[bool, Parameter(name="--notes", help="Also name what arrives exactly as said.", group=OUTPUT)]
Unsupported = Annotated[
    str | None, _flag("strict, balanced (default) or lenient.", WHERE, "POLICY", name="--on-unsupported")
]
Option = Annotated[
    tuple[str, ...], _flag("A provider's own word; repeatable.", WHERE, "PROVIDER.WORD=VALUE", name="--option")
]
Label = Annotated[tuple[str, ...], _flag("Your word for costs and search; repeatable.", WHERE, "K=V", name="--label")]
Weighted = Annotated[tuple[str, ...], _flag("Repeatable, in order.", MODELS, "REF[=WEIGHT]")]


@Parameter(name="*")
@frozen(kw_only=True)
class RequestFlags:
    """What is to be made; each flag overrides the file's word."""

    negative: Annotated[str | None, _flag("What must not be in the picture.", PICTURE, "TEXT")] = None
    size: Annotated[str | None, _flag("Pixels.", PICTURE, "WxH")] = None
    n: Annotated[str | None, _flag("How many pictures.", PICTURE, "N")] = None
    steps: Annotated[str | None, _flag("Sampling steps.", PICTURE, "N")] = None
    cfg_scale: Annotated[str | None, _flag("How closely the prompt is followed.", PICTURE, "X")] = None
    distilled_guidance: Annotated[str | None, _flag("The other scale, of distilled models.", PICTURE, "X")] = None
    sampler: Annotated[str | None, _flag("Any tool's spelling.", PICTURE, "NAME")] = None
    schedule: Annotated[str | None, _flag("Noise schedule.", PICTURE, "NAME")] = None
    seed: Annotated[str | None, _flag("Same seed, same picture; drawn when not given.", PICTURE, "N")] = None
    clip_skip: Annotated[str | None, _flag("1 = off, as in A1111.", PICTURE, "N")] = None
    model: Annotated[str | None, _flag("@alias, provider:id, urn:air:..., hf:..., https://...", MODELS, "REF")] = None
    lora: Weighted = ()
    embedding: Annotated[tuple[str, ...], _flag("Repeatable.", MODELS, "REF[=WEIGHT]")] = ()
    vae: Annotated[str | None, _flag("Another VAE than the model's own.", MODELS, "REF")] = None
    init_image: Annotated[str | None, _flag("Start from this picture.", INPUTS, "FILE|URL")] = None
    strength: Annotated[str | None, _flag("How much of it is repainted, 0 to 1.", INPUTS, "X")] = None
    mask: Annotated[str | None, _flag("Repaint only what is white here.", INPUTS, "FILE|URL")] = None
    inpaint: Annotated[
        tuple[str, ...],
        _flag("fill, mask_blur, only_masked, padding or invert; repeatable.", INPUTS, "WORD=VALUE"),
    ] = ()
    control: Annotated[tuple[str, ...], _flag("ControlNet guide; repeatable.", INPUTS, "MODULE=FILE")] = ()
    upscale: Annotated[str | None, _flag("Factor or size of a second pass.", INPUTS, "2|WxH")] = None
    detail: Annotated[tuple[str, ...], _flag("Redraw faces or hands; repeatable.", INPUTS, "MODEL")] = ()
    passes: Annotated[
        str | None, _flag("In another order: diffusion, inpaint, upscale, detail.", INPUTS, "PASS,PASS")
    ] = None
    on_unsupported: Unsupported = None
    option: Option = ()
    label: Label = ()


def read_request(subject: str, flags: RequestFlags) -> GenerationRequest:
    """Build the request of a command line; one `InvalidInput` lists every fault."""
    return overlaid(base_words(subject, GenerationRequest), flags)


def overlaid(words: Mapping[str, Any], flags: RequestFlags) -> GenerationRequest:
    """Lay flags over a request's *words*."""
    base = dict(words)
    faults: list[Fault] = []
    given = _given(flags, faults)
    if "sampler" in given:
        base.pop("schedule", None)  # the file's schedule belonged to the file's sampler
    for table in ("provider_options", "labels", "inpaint"):
        if table in given:
            given[table] = deep(base.get(table, {}), given[table])
    try:
        request = GenerationRequest.from_dict({**base, **given})
    except InvalidInput as error:
        raise InvalidInput([*error.faults, *faults], what="the request") from None
    if faults:
        raise InvalidInput(faults, what="the request")
    return request


def base_words(subject: str, cls: type[AnyRequest]) -> dict[str, Any]:
    """Return the words of the request that *subject* names: a file's, or the prompt alone (`-`: from stdin)."""
    if subject == "-":
        return {"prompt": _from_stdin()}
    if not _names_a_file(subject):
        return {"prompt": subject}
    if not subject.lower().endswith(FILES):
        raise InvalidInput(
            f"{subject} looks like a file; a request is a .toml or .json file.",
            hint="If it is the prompt, or holds it, say it through stdin: imagegen generate - < FILE",
        )
    if not Path(subject).is_file():
        raise InvalidInput(f"{subject} is a folder" if Path(subject).is_dir() else f"there is no file {subject}")
    try:
        return cls.load(subject).to_dict()
    except InvalidInput as error:
        raise InvalidInput(error.faults, what=subject) from None


def _names_a_file(subject: str) -> bool:
    """Return whether that is the name of a file, there or not, rather than a prompt: a wrong guess would be paid."""
    if len(subject) > 1000 or "\n" in subject:
        return False
    if subject.lower().endswith((*FILES, *_OTHER_FILES)) and len(subject.split()) == 1:
        return True
    try:
        return Path(subject).exists() and ("." in subject or "/" in subject)
    except (OSError, ValueError):  # longer than a name may be, or with a letter that no name has
        return subject.lower().endswith(FILES)


def _from_stdin() -> str:
    try:
        prompt = "" if sys.stdin is None else sys.stdin.read().strip()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"stdin is no text: {error}") from None
    if not prompt:
        raise InvalidInput("stdin held no prompt", hint="For example: imagegen generate - < prompt.txt")
    return prompt


def _given(flags: RequestFlags, faults: list[Fault]) -> dict[str, Any]:
    """Return the flags that were given, as a request's words; what cannot be read goes to *faults*."""
    words: dict[str, Any] = {name: getattr(flags, name) for name in _AS_SAID}
    words |= {"negative_prompt": flags.negative, "mask_image": flags.mask}
    words = {name: value for name, value in words.items() if value is not None}
    if words.get("seed") == "-1":
        words["seed"] = None
    if flags.size is not None and (size := _try(faults, "", read_size, flags.size)) is not None:
        words["width"], words["height"] = size
    if flags.upscale is not None:
        words["upscale"] = _try(faults, "upscale", read_upscale, flags.upscale)
    if flags.lora:
        words["loras"] = read_loras(faults, flags.lora)
    if flags.embedding:
        words["embeddings"] = _each(faults, "embeddings", _weighted, flags.embedding)
    if flags.control:
        words["controls"] = _each(faults, "controls", _control, flags.control)
    if flags.detail:
        words["detailers"] = [{"model": model} for model in flags.detail]
    if flags.passes is not None:
        words["passes"] = [name.strip() for name in flags.passes.split(",")]
    if flags.inpaint:
        words["inpaint"] = _try(faults, "inpaint", _table, flags.inpaint)
    words |= own_words(faults, flags.option, flags.label)
    return {name: value for name, value in words.items() if value is not None or name == "seed"}


_AS_SAID = (
    *("n", "steps", "cfg_scale", "distilled_guidance", "sampler", "schedule", "seed", "clip_skip"),
    *("model", "vae", "init_image", "strength", "on_unsupported"),
)


def own_words(faults: list[Fault], options: Iterable[str], labels: Iterable[str]) -> dict[str, Any]:
    """Read what every request takes: `--option` and `--label`."""
    words: dict[str, Any] = {}
    if options:
        words["provider_options"] = _try(faults, "option", read_options, options)
    if labels:
        words["labels"] = _try(faults, "label", _table, labels)
    return words


def _table(pairs: Iterable[str]) -> dict[str, str]:
    return dict(map(split_pair, pairs))


def _try(faults: list[Fault], path: str, read: Callable[[Any], T], value: Any) -> T | None:
    try:
        return read(value)
    except InvalidInput as error:
        faults += [fault.below(path) if path else fault for fault in error.faults]
        return None


def _each(faults: list[Fault], path: str, read: Callable[[str], T], items: Iterable[str]) -> list[T] | None:
    made = [_try(faults, f"{path}[{index}]", read, item) for index, item in enumerate(items)]
    good = [item for item in made if item is not None]
    return good if len(good) == len(made) else None


def split_pair(text: str) -> tuple[str, str]:
    """Read `K=V`."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InvalidInput(f"must look like NAME=VALUE, not {text!r}")
    return name.strip(), value


def read_loras(faults: list[Fault], items: Iterable[str]) -> list[dict[str, Any]] | None:
    """Read `--lora`, each `REF` or `REF=WEIGHT`; what cannot be read goes to *faults*."""
    return _each(faults, "loras", _weighted, items)


def _weighted(text: str) -> dict[str, Any]:
    """Read `REF` or `REF=WEIGHT`; the last `=` counts when a number follows, as addresses may hold others."""
    ref, equals, weight = text.rpartition("=")
    if not equals:
        return {"model": text}
    if "?" in ref and not _is_number(weight):
        return {"model": text}
    return {"model": ref, "weight": weight}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _control(text: str) -> dict[str, Any]:
    module, image = split_pair(text)
    return {"module": module, "image": ImageInput.of(image)}


def read_upscale(text: str) -> dict[str, Any]:
    """Read `2` or `1536x1024`."""
    if _is_number(text):
        return {"scale": float(text)}
    try:
        width, height = read_size(text)
    except InvalidInput:
        raise InvalidInput(f"must look like 2 or 1536x1024, not {text!r}") from None
    return {"width": width, "height": height}


def read_options(items: Iterable[str]) -> dict[str, Any]:
    """Read `PROVIDER.WORD=VALUE` (more dots go deeper); a value that is JSON is taken as JSON, all else as text."""
    made: dict[str, Any] = {}
    for text in items:
        path, value = split_pair(text)
        *folders, word = path.split(".")
        if not folders or not all((*folders, word)):
            raise InvalidInput(f"must look like PROVIDER.WORD=VALUE, not {text!r}")
        table = made
        for folder in folders:
            table = table.setdefault(folder, {})
            if not isinstance(table, dict):
                raise InvalidInput(f"{text!r} says {folder} a second time")
        table[word] = _json_or_text(value)
    return made


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def deep(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree of tables over another."""
    made = dict(base)
    for name, value in over.items():
        below = made.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        made[name] = deep(below, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return made


# --- how it is carried out ---------------------------------------------------------------------------------------


def _seconds(_: object, value: float) -> None:
    """Check a time: not a number below 0 (and no NaN, which is below nothing)."""
    if not value >= 0:
        raise ValueError("Must be 0 or more seconds.")


def _count(_: object, value: int | None) -> None:
    """Check a number of things; None = all of them."""
    if value is not None and value < 1:
        raise ValueError("Must be 1 or more.")


SECONDS = Parameter(validator=_seconds, allow_leading_hyphen=True)
COUNT = Parameter(validator=_count, allow_leading_hyphen=True)


OtherFolder = Annotated[
    Path | None,
    Parameter(
        name=("--output", "-o"), help="Another folder for what has yet to be stored.", metavar="DIR", group=OUTPUT
    ),
]


@Parameter(name="*")
@frozen(kw_only=True)
class AskFlags:
    """Who is asked; all that a command needs that makes nothing."""

    provider: Providers = ()
    emulated: Emulated = False


@Parameter(name="*")
@frozen(kw_only=True)
class RunFlags(AskFlags):
    """Who makes it, what it may cost, and where it goes."""

    timeout: Annotated[
        float, SECONDS, Parameter(help="Seconds until we stop waiting (the job goes on). Default: 600.", group=WHERE)
    ] = 600.0
    idempotency_key: Annotated[
        str | None, _flag("The same key and request give the same job, never a second one.", WHERE, "KEY")
    ] = None
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), help="Spend without asking.", group=MONEY)] = False
    max_price: Annotated[str | None, _flag("Spend without asking up to this, all together.", MONEY, "AMOUNT")] = None
    allow_unpriced: Annotated[
        bool, Parameter(help="With --max-price: also make what has no known price.", group=MONEY)
    ] = False
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="Folder for the files.", metavar="DIR", group=OUTPUT)
    ] = None
