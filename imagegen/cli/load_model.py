"""`imagegen load-model`: bring a model from an address to a provider that can load models."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Group, Parameter

from imagegen.errors import Fault, InvalidInput
from imagegen.parts import read
from imagegen.request import ModelLoad

from .making import make, report
from .options import WHERE, Json, RunFlags, read_options

MODEL = Group("The model", sort_key=1)


def command(
    url: Annotated[str, Parameter(help="Where the model's file lies, or hf:org/name.")],
    /,
    *,
    as_id: Annotated[str, Parameter(name="--as", help="The id it gets there.", metavar="ID", group=MODEL)],
    category: Annotated[
        str | None,
        Parameter(help="stable_diffusion (default), lora, embedding, vae, controlnet, ...", group=MODEL),
    ] = None,
    subcategory: Annotated[str | None, Parameter(help="The newer form says lora here.", group=MODEL)] = None,
    format: Annotated[str | None, Parameter(help="safetensors (default), diffusers, ckpt, pt.", group=MODEL)] = None,
    visibility: Annotated[str | None, Parameter(help="public (default) or private.", group=MODEL)] = None,
    name: Annotated[str | None, Parameter(help="As people read it.", group=MODEL)] = None,
    image: Annotated[str | None, Parameter(help="Address of a picture of it.", metavar="URL", group=MODEL)] = None,
    revision: Annotated[str | None, Parameter(help="fp16 or fp32.", group=MODEL)] = None,
    force_load: Annotated[bool | None, Parameter(help="Load it again even if it is there.", group=MODEL)] = None,
    hf_upload: Annotated[bool | None, Parameter(help="Also upload it to Hugging Face.", group=MODEL)] = None,
    wait: Annotated[
        bool, Parameter(negative="--no-wait", help="Wait until it is ready (default), or not.", group=WHERE)
    ] = True,
    option: Annotated[
        tuple[str, ...],
        Parameter(help="A provider's own word; repeatable.", metavar="PROVIDER.WORD=VALUE", group=WHERE),
    ] = (),
    run: RunFlags = RunFlags(),
    as_json: Json = False,
) -> int:
    """
    Bring a model from an address to a provider that can load models.

    With --emulated it is remembered, so that a later generate --emulated can use it.
    """
    words: dict[str, Any] = {
        "url": url,
        "model_id": as_id,
        "category": category,
        "subcategory": subcategory,
        "format": format,
        "visibility": visibility,
        "name": name,
        "image": image,
        "revision": revision,
        "force_load": force_load,
        "hf_upload": hf_upload,
        "wait": wait,
        "provider_options": _options(option),
    }
    request = read(ModelLoad, {word: value for word, value in words.items() if value is not None})
    return report(make(request, run, quiet=as_json), as_json=as_json)


def _options(items: tuple[str, ...]) -> dict[str, Any] | None:
    try:
        return read_options(items) if items else None
    except InvalidInput as error:
        raise InvalidInput([Fault("option", fault.message) for fault in error.faults]) from None
