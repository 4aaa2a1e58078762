"""
Dedicated servers for one family of models, typed, to be called by `imagegen_modelslab.calls.VendorCall`.

    client.run(VendorCall(FamilyText2Img(family="flux", prompt="a cat")), provider="stablediffusionapi-enterprise")

Each family has paths of its own (GitHub ModelsLab/docs-v2 @ c1440bc, `enterprise-api/*`).  Those files give the body of
`flux_klein/img2img` and the management of a server; the other bodies are taken from the realtime endpoints and from
what the flux page's answer echoes, which is our inference.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from imagegen_modelslab import wire as family_wire
from imagegen_modelslab.operations import Endpoint
from imagegen_modelslab.wire import word

from .wire import ENTERPRISE

SERVERS = (
    "realtime",
    "flux",
    "flux_klein",
    "flux_kontext_dev",
    "qwen",
    "z_image_turbo",
    "super_resolution",
    "image_editing",
)
EDITORS = (
    "outpaint",
    "removebg_mask",
    "fashion",
    "object_removal",
    "face_gen",
    "head_shot",
    "magic_mix",
    "mask_creator",
    "qwen_edit",
)


def _picture(path: str) -> Endpoint:
    fetch = f"{ENTERPRISE}/{{family}}/fetch/{{id}}"
    return Endpoint(path=f"{ENTERPRISE}/{path}", pays=True, pictures=True, fetch=fetch)


def _door(name: str) -> Endpoint:
    return Endpoint(path=f"{ENTERPRISE}/{{family}}/{name}")


@frozen(kw_only=True)
class FamilyText2Img:
    """A picture by a server for one family; qwen and z_image_turbo make at most two at once."""

    endpoint: ClassVar[Endpoint] = _picture("{family}/text2img")
    family: str = word(choices=("realtime", "flux", "qwen", "z_image_turbo"), required=True)
    prompt: str = word(required=True)
    negative_prompt: str | None = word()
    width: int | None = word(low=64, high=1024)
    height: int | None = word(low=64, high=1024)
    samples: int | None = word(low=1, high=4)
    num_inference_steps: int | None = word(low=1, high=50)
    guidance_scale: float | None = word(low=1, high=20)
    safety_checker: bool | None = word()
    safety_checker_type: str | None = word(choices=family_wire.SAFETY_CHECKER_TYPES)
    enhance_prompt: bool | None = word()
    seed: int | None = word(low=0, high=2**32 - 1)
    base64: bool | None = word()
    webhook: str | None = word()
    track_id: str | None = word()


@frozen(kw_only=True)
class FamilyImg2Img(FamilyText2Img):
    """The same, from pictures: an address, or up to four at flux_klein."""

    endpoint: ClassVar[Endpoint] = _picture("{family}/img2img")
    family: str = word(choices=("realtime", "flux_klein", "flux_kontext_dev", "qwen", "z_image_turbo"), required=True)
    init_image: str | tuple[str, ...] = word(required=True)
    strength: float | None = word(low=0, high=1)


@frozen(kw_only=True)
class FamilyInpaint(FamilyImg2Img):
    """The same, inside a mask (white = repaint)."""

    endpoint: ClassVar[Endpoint] = _picture("{family}/inpaint")
    family: str = word(choices=("realtime", "qwen"), required=True)
    mask_image: str = word(required=True)


@frozen(kw_only=True)
class SuperResolutionMake:
    """Enlarge a picture by a server for that."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        path=f"{ENTERPRISE}/super_resolution/make",
        pays=True,
        pictures=True,
        fetch=f"{ENTERPRISE}/super_resolution/fetch/{{id}}",
    )
    init_image: str = word(required=True)
    scale: int | None = word(low=1, high=8)
    model_id: str | None = word()
    face_enhance: bool | None = word()
    webhook: str | None = word()
    track_id: str | None = word()


@frozen(kw_only=True)
class FamilyFetch:
    """The result of a job of such a server."""

    endpoint: ClassVar[Endpoint] = _door("fetch/{id}")
    family: str = word(choices=SERVERS, required=True)
    id: str = word(required=True)


@frozen(kw_only=True)
class FamilySystemDetails:
    """How busy such a server is."""

    endpoint: ClassVar[Endpoint] = _door("system_details")
    family: str = word(choices=SERVERS, required=True)


@frozen(kw_only=True)
class FamilyRestartServer:
    """Restart such a server; running jobs are lost."""

    endpoint: ClassVar[Endpoint] = _door("restart_server")
    family: str = word(choices=SERVERS, required=True)


@frozen(kw_only=True)
class FamilyUpdateServer:
    """Update the software of such a server."""

    endpoint: ClassVar[Endpoint] = _door("update_server")
    family: str = word(choices=SERVERS, required=True)


@frozen(kw_only=True)
class FamilyClearCache:
    """Forget the cached answers of such a server."""

    endpoint: ClassVar[Endpoint] = _door("clear_cache")
    family: str = word(choices=SERVERS, required=True)


@frozen(kw_only=True)
class FamilyClearQueue:
    """Throw away all queued jobs of such a server; it restarts."""

    endpoint: ClassVar[Endpoint] = _door("clear_queue")
    family: str = word(choices=SERVERS, required=True)


FAMILY_CALLS: tuple[type, ...] = (
    FamilyText2Img,
    FamilyImg2Img,
    FamilyInpaint,
    SuperResolutionMake,
    FamilyFetch,
    FamilySystemDetails,
    FamilyRestartServer,
    FamilyUpdateServer,
    FamilyClearCache,
    FamilyClearQueue,
)
# The editing tools of such a server, whose bodies are those of the shared ones: `operations.Other` reaches them.
EDITOR_PATHS = {f"{ENTERPRISE}/image_editing/{name}": f"editing: {name}" for name in EDITORS}
