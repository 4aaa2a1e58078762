"""
The providers `stablediffusionapi` (the shared service) and `stablediffusionapi-enterprise` (a server of one's own).

They are two services of the vendor behind `modelslab` and are built on the public rooms of `imagegen_modelslab`; each
has its own key and its own host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from imagegen.flow import Flow, Made
from imagegen.plans import Plan
from imagegen.provider import Capability, Choice, Context, Limits, Record, Setting, Switch
from imagegen.request import GenerationRequest, ModelLoad
from imagegen_modelslab import lookup
from imagegen_modelslab.calls import VendorCall, answer_flow, plan_vendor_call
from imagegen_modelslab.planning import plan_picture
from imagegen_modelslab.provider import Sibling, picture_capabilities, picture_settings, tidy
from imagegen_modelslab.service import NEUTRAL, Fetch, Intake, Service
from imagegen_modelslab.wire import ControlNet

from . import flows, loading, older, operations, servers, wire, words

LOAD_WORDS = frozenset({"load"})
SHARED = Service(
    name="stablediffusionapi",
    text2img=wire.V4Text2Img,
    img2img=wire.V4Img2Img,
    inpaint=wire.V4Inpaint,
    controlnet=ControlNet,
    fetch=Fetch(path="/api/v4/dreambooth/fetch", by_body=True),
    intake=Intake(path="/api/v3/base64_crop", word="image", also={"crop": "false"}),
    neutral=NEUTRAL,
    plan_words=LOAD_WORDS,
)
SHARED_DESK = loading.Desk(
    provider="stablediffusionapi",
    build=words.shared,
    wait_path="/api/v4/dreambooth/model_list",
    wait_by_id=False,
)
ENTERPRISE = Service(
    name="stablediffusionapi-enterprise",
    text2img=wire.EnterpriseText2Img,
    img2img=wire.EnterpriseImg2Img,
    inpaint=wire.EnterpriseInpaint,
    controlnet=wire.EnterpriseControlNet,
    fetch=Fetch(path=f"{wire.ENTERPRISE}/fetch", by_body=True),
    intake=Intake(
        path=f"{wire.ENTERPRISE}/upload_image",
        word="base64_image",
        data_uri=False,
        also={"image_type": "png"},
        formats=("image/png",),
    ),
    neutral=NEUTRAL,
    plan_words=LOAD_WORDS,
)
# The other path style, that of the vendor's own clients (modelslab-py, -js, -go), asks with the id in the path.
ENTERPRISE_IMAGES = attrs.evolve(
    ENTERPRISE,
    fetch=Fetch(path=f"{wire.ENTERPRISE}/fetch/{{id}}"),
    prefix=(f"{wire.ENTERPRISE}/", f"{wire.ENTERPRISE}/images/"),
)
ENTERPRISE_DESK = loading.Desk(
    provider="stablediffusionapi-enterprise",
    build=words.enterprise,
    wait_path=f"{wire.ENTERPRISE}/verify_model",
    wait_by_id=True,
)


def _load_capabilities(**more: Capability) -> Mapping[str, Capability]:
    return {
        "url": Switch("an address, or hf:org/name"),
        "model_id": Switch(),
        "category": Switch(),
        "subcategory": Switch(),
        "revision": Choice(("fp16", "fp32")),
        "wait": Switch(),
        "provider_options": Switch(),
        **more,
    }


class Loading(Sibling):
    """A sibling that can bring models to the vendor."""

    desk: ClassVar[loading.Desk]

    def plan(self, request: Any, context: Context) -> Plan:
        """Draft what would be sent."""
        context = tidy(context)
        if isinstance(request, ModelLoad):
            return loading.plan_load(request, context, self.desk)
        service = self.service(context.settings)
        if isinstance(request, VendorCall):
            return plan_vendor_call(request, context, service, self.operations)
        own = request.provider_options.get(self.name, {}).get("load", {})
        loads = loading.Loads(self.desk, context, own if isinstance(own, Mapping) else {})
        return plan_picture(request, context, service, loads)

    def flow(self, plan: Plan) -> Flow[Made]:
        """Tell the order of things."""
        return answer_flow(plan) if plan.facts["kind"] == "call" else flows.run(plan)

    def resume(self, record: Record) -> Flow[Made]:
        """Wait for an accepted load, or ask for an accepted picture."""
        return super().resume(record) if record.plan.facts["kind"] == "call" else flows.resume(record)


class StableDiffusionApi(Loading):
    """The shared service of stablediffusionapi.com: v3 loads, v4 pictures."""

    name: ClassVar[str] = "stablediffusionapi"
    title: ClassVar[str] = "Stable Diffusion API"
    desk: ClassVar[loading.Desk] = SHARED_DESK
    operations: ClassVar[tuple[type, ...]] = (*operations.SHARED, *older.OLDER)
    shelf: ClassVar[lookup.Shelf] = lookup.Shelf(provider="stablediffusionapi", paths=lookup.SHARED)
    settings: ClassVar[Sequence[Setting]] = (
        *picture_settings(
            "STABLEDIFFUSIONAPI_KEY",
            "STABLEDIFFUSIONAPI_BASE_URL",
            "https://stablediffusionapi.com",
            "midjourney",
        ),
        Setting(
            name="lora_category",
            choices=("page", "newer"),
            help="how a LoRA is loaded: model_category lora, or model_subcategory lora (default: by host)",
        ),
    )
    capabilities: ClassVar[Mapping[type, Mapping[str, Capability]]] = {
        GenerationRequest: picture_capabilities(),
        ModelLoad: _load_capabilities(
            format=Choice(("diffusers", "safetensors", "ckpt")),
            visibility=Choice(("public", "private")),
            name=Switch(),
            image=Switch(),
            force_load=Switch(),
            hf_upload=Switch(),
        ),
        VendorCall: {"call": Switch("see docs/coverage.md")},
    }
    limits: ClassVar[Limits] = Limits(concurrent=5, n_per_call=4)

    def service(self, settings: Mapping[str, Any]) -> Service:  # noqa: ARG002 (the sibling's differs by settings)
        """There is one."""
        return SHARED


class StableDiffusionApiEnterprise(Loading):
    """
    The enterprise API: a server of one's own.

    The attribute page that we have leaves method and path blank; ours follow the sibling pages (setting `path_style`:
    `text2img`) or the vendor's clients (`images/text2img`).  The load balancer is only asked for when it is set: it
    needs more than one server, and the first server's key (same page).
    """

    name: ClassVar[str] = "stablediffusionapi-enterprise"
    title: ClassVar[str] = "Stable Diffusion API, enterprise"
    desk: ClassVar[loading.Desk] = ENTERPRISE_DESK
    operations: ClassVar[tuple[type, ...]] = (*operations.ENTERPRISE_CALLS, *servers.FAMILY_CALLS)
    shelf: ClassVar[lookup.Shelf] = lookup.Shelf(
        provider="stablediffusionapi-enterprise", paths=(f"{wire.ENTERPRISE}/get_all_models",)
    )
    settings: ClassVar[Sequence[Setting]] = (
        *picture_settings(
            "STABLEDIFFUSIONAPI_ENTERPRISE_KEY",
            "STABLEDIFFUSIONAPI_ENTERPRISE_BASE_URL",
            "https://modelslab.com",
            "realistic-vision-51",
        ),
        Setting(
            name="path_style",
            default="text2img",
            choices=("text2img", "images/text2img"),
            help="/enterprise/text2img as documented, or /enterprise/images/text2img as the vendor's clients have it",
        ),
        Setting(
            name="load_form",
            default="load_model",
            choices=("load_model", "load_model_v2"),
            help="which of the two documented loads is used",
        ),
        Setting(
            name="loadbalancer",
            choices=("yes", "no"),
            help="needs more than one server; the key is then the first server's",
        ),
    )
    capabilities: ClassVar[Mapping[type, Mapping[str, Capability]]] = {
        GenerationRequest: picture_capabilities(),
        ModelLoad: _load_capabilities(
            format=Choice(("diffusers", "safetensors", "ckpt", "pt")),
            upcast_attention=Switch("only load_model"),
            webhook=Switch(),
        ),
        VendorCall: {"call": Switch("see docs/coverage.md")},
    }
    limits: ClassVar[Limits] = Limits(n_per_call=4)  # dedicated servers: "No Rate Limiter"

    def service(self, settings: Mapping[str, Any]) -> Service:
        """Return the path style that is set."""
        return ENTERPRISE_IMAGES if settings.get("path_style") == "images/text2img" else ENTERPRISE
