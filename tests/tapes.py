"""
The cassettes: what each one shows, how it came about, and a client that replays it.

`python cassettes/make.py` writes them anew; `tests/test_cassettes.py` replays them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from imagegen import Client, GenerationRequest, Lora, ModelLoad, TemplateRequest
from imagegen.recording import STAND_IN, job_of
from imagegen.retry import RetryPolicy

FOLDER = Path(__file__).parent.parent / "cassettes"
PORT = 8085
REAL: Mapping[str, str] = {
    "tams": "https://ap-east-1.tensorart.cloud",
    "modelslab": "https://modelslab.com",
    "stablediffusionapi": "https://stablediffusionapi.com",
    "stablediffusionapi-enterprise": "https://modelslab.com",
}
MOUNTS: Mapping[str, str] = {name: name.removesuffix("-enterprise") for name in REAL}


@frozen(kw_only=True)
class Printed:
    """Answers of a page: HTTP status, and where in `tests/corpus` the body is (file, path, title)."""

    page: str
    answers: tuple[tuple[int, str, str, str], ...]


@frozen(kw_only=True)
class Tape:
    """
    One cassette.

    Attributes:
        expect: number of pictures, or the kind of the error.
        printed: whence the answers are transcribed; None = recorded from the emulator.
        key: the key that the emulator is shown.
        words: more that a replay is looked at for.
    """

    provider: str
    name: str
    request: Any
    expect: int | str
    printed: Printed | None = None
    key: str = "emulator-key"
    words: str = field(default="")

    @property
    def file(self) -> Path:
        return FOLDER / self.provider / f"{self.name}.yaml"

    @property
    def base_url(self) -> str:
        """Where the recorded exchanges took place."""
        if self.printed is not None:
            return REAL[self.provider]
        return f"http://127.0.0.1:{PORT}/{MOUNTS[self.provider]}"


LORA_DOC = "https://docs.modelslab.com/image-generation/community-models/dreamboothlora"
COMMUNITY = "GitHub ModelsLab/docs-v2 @ ef9d723, image-generation/community-models"
ERRORS = "GitHub ModelsLab/docs-v2 @ c1440bc, error-codes and rate-limits"
LEGACY = "https://stablediffusionapi.com/docs (possible error responses)"
CHAPTER = 'the guide "Workflow Template" of https://tams-docs.tensor.art'
CHECK, T2I, FETCH, V4 = (
    "/v1/workflows/template/check",
    "/api/v6/images/text2img",
    "/api/v6/images/fetch",
    "/api/v4/dreambooth",
)
PICTURE = {"width": 512, "height": 512, "seed": 5}


def cat(words: str = "", **more: Any) -> GenerationRequest:
    return GenerationRequest(prompt=f"a cat {words}".strip(), **{**PICTURE, **more})


def _emulated(provider: str) -> list[Tape]:
    """What is shown for every provider, as far as no page prints it."""
    small = {} if provider == "tams" else {"width": 128, "height": 128}  # it has no smaller ones
    return [
        Tape(provider=provider, name="success", request=cat(**small), expect=1),
        Tape(provider=provider, name="queued-then-success", request=cat("[emu:queue]", **small), expect=1),
        Tape(provider=provider, name="vendor-error", request=cat(model="missing-model"), expect="model_not_found"),
        Tape(provider=provider, name="bad-key", request=cat(), expect="unauthorized", key="no-such-key-anywhere"),
        Tape(provider=provider, name="rate-limit", request=cat("[emu:http=429]"), expect="rate_limited"),
        Tape(provider=provider, name="malformed", request=cat("[emu:html]"), expect="outcome_unknown"),
    ]


def _template(fields: Mapping[str, Any]) -> TemplateRequest:
    return TemplateRequest(template="676018193025756628", fields=fields)


_PRINTED = [
    Tape(
        provider="tams",
        name="vendor-error",
        request=_template({"27:text": "1 girl, amber_eyes"}),
        expect="invalid_input",
        printed=Printed(
            page=CHAPTER, answers=((500, "tams-guides", CHECK, "Workflow Template: Error Request Example 1"),)
        ),
        words="25:image",
    ),
    Tape(
        provider="tams",
        name="template-without-picture",
        request=_template({"25:image": None, "27:text": "1 girl"}),
        expect="invalid_input",
        printed=Printed(
            page=CHAPTER, answers=((400, "tams-guides", CHECK, "Workflow Template: Error Request Example 2"),)
        ),
        words="LoadImage",
    ),
    Tape(
        provider="modelslab",
        name="success",
        request=cat(model="tamarin-xl-v1", loras=(Lora("xl-realistic-cake-art-sty", 0.45),), steps=31),
        expect=1,
        printed=Printed(page=LORA_DOC, answers=((200, "modelslab-lora", T2I, "Response"),)),
    ),
    Tape(
        provider="modelslab",
        name="queued-then-success",
        request=cat(),
        expect=1,
        printed=Printed(
            page=COMMUNITY,
            answers=(
                (200, "modelslab-answers", T2I, "community models: processing"),
                (200, "modelslab-answers", FETCH, "processing"),
                (200, "modelslab-answers", FETCH, "success"),
            ),
        ),
    ),
    Tape(
        provider="modelslab",
        name="vendor-error",
        request=cat(model="invalid_model_name"),
        expect="model_not_found",
        printed=Printed(
            page=ERRORS, answers=((200, "modelslab-answers", T2I, "error-codes: a model that is not there"),)
        ),
        words="invalid_model_name",
    ),
    Tape(
        provider="modelslab",
        name="bad-key",
        request=cat(),
        expect="unauthorized",
        printed=Printed(page=ERRORS, answers=((401, "modelslab-answers", T2I, "error-codes: 401"),)),
    ),
    Tape(
        provider="modelslab",
        name="rate-limit",
        request=cat(),
        expect="rate_limited",
        printed=Printed(page=ERRORS, answers=((429, "modelslab-answers", T2I, "rate-limits"),)),
        words="Maximum 5 queued requests",
    ),
    Tape(
        provider="stablediffusionapi",
        name="vendor-error",
        request=cat(model="nobody-has-it"),
        expect="model_not_found",
        printed=Printed(
            page=LEGACY,
            answers=((200, "stablediffusionapi-answers", V4, "possible errors: a model that is not there"),),
        ),
    ),
    Tape(
        provider="stablediffusionapi",
        name="bad-key",
        request=cat(),
        expect="unauthorized",
        printed=Printed(page=LEGACY, answers=((200, "stablediffusionapi-answers", V4, "possible errors: key"),)),
    ),
    Tape(
        provider="stablediffusionapi",
        name="rate-limit",
        request=cat(),
        expect="rate_limited",
        printed=Printed(page=LEGACY, answers=((200, "stablediffusionapi-answers", V4, "possible errors: rate limit"),)),
        words="30 seconds",
    ),
    Tape(
        provider="stablediffusionapi",
        name="load-model",
        request=ModelLoad(
            url="diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
            model_id="stable-diffusion-xl-1.0-inpainting-0.1",
            category="stable_diffusion_xl",
            format="diffusers",
            revision="fp16",
            force_load=True,
            wait=False,
        ),
        expect=0,
        printed=Printed(
            page='"Upload Model" of https://stablediffusionapi.com/docs',
            answers=((200, "stablediffusionapi-load-model", "/api/v3/load_model", "Response"),),
        ),
    ),
    Tape(
        provider="stablediffusionapi-enterprise",
        name="success",
        request=cat(),
        expect=1,
        printed=Printed(
            page="GitHub ModelsLab/docs-v2 @ ef9d723, enterprise-api",
            answers=((200, "stablediffusionapi-answers", "/api/v1/enterprise/text2img", "enterprise: success"),),
        ),
    ),
]
_NAMES = {(tape.provider, tape.name) for tape in _PRINTED}
TAPES = [
    *_PRINTED,
    *(tape for provider in REAL for tape in _emulated(provider) if (tape.provider, tape.name) not in _NAMES),
]


def open_client(
    tape: Tape, home: Path, job_id: str, *, base_url: str, key: str, nap: Callable[[float], None]
) -> Client:
    """Open a client that sends the same bytes every time, tries once, and waits by *nap*."""
    client = Client(
        home=home,
        settings={tape.provider: {"api_key": key, "base_url": base_url}},
        dice=random.Random(job_id),
        policy=RetryPolicy(attempts=1),
        private_hosts=True,
    )
    client.session.new_id = lambda: job_id
    client.shell.transport.sleep = nap
    return client


def replaying(tape: Tape, home: Path, nap: Callable[[float], None]) -> Client:
    """Open the client that replays a cassette: its key is what stands there in place of one."""
    return open_client(tape, home, job_of(tape.file), base_url=tape.base_url, key=STAND_IN, nap=nap)
