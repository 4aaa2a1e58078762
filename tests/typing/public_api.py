"""What a program may write, as a type checker sees it.  Checked by tests/test_typing.py, never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import assert_type

import imagegen
from imagegen import (
    AsyncClient,
    Blocker,
    Client,
    Control,
    Cost,
    Detailer,
    Embedding,
    Event,
    GenerationRequest,
    Image,
    ImagegenError,
    Inpaint,
    InvalidInput,
    Job,
    Lora,
    ModelLoad,
    ModelRef,
    Note,
    OutcomeUnknown,
    Plan,
    Quote,
    Result,
    Route,
    Secret,
    Upscale,
    VideoRequest,
    compare,
    plan,
    quote,
    resolve,
)
from imagegen.catalogue import Catalogue
from imagegen.errors import Kind
from imagegen.flow import Call
from imagegen.plugins import Registry
from imagegen.provider import Provider
from imagegen.testing import Check, conformance


def requests() -> GenerationRequest:
    request = GenerationRequest(
        prompt="a lighthouse",
        model="@demo-checkpoint",
        loras=[Lora("@demo-style", 0.6), Lora("@grain", clip_weight=0.2, access_key="env:GRAIN_KEY")],
        embeddings=(Embedding("@bad-hands", target="negative"),),
        init_image=Path("photo.png"),
        mask_image=b"...",
        inpaint=Inpaint(fill="noise"),
        controls=[Control(module="canny", image="edges.png", weight=0.8)],
        upscale=Upscale(scale=2),
        detailers=[Detailer(model="face_yolov8n.pt")],
        provider_options={"acme": {"word": 1}},
        on_unsupported="strict",
        labels={"project": "book"},
    )
    assert_type(request.model, ModelRef | None)
    assert_type(request.loras, tuple[Lora, ...])
    assert_type(request.width, int | None)
    assert_type(GenerationRequest.from_toml(request.to_toml()), GenerationRequest)
    private = GenerationRequest(prompt="x", model=ModelRef("1234567890123456", access_key=Secret("env:KEY")))
    return private.evolve(seed=7)


def plans(request: GenerationRequest) -> None:
    made = plan(request, provider="acme")
    assert_type(made, Plan)
    assert_type(made.calls, tuple[Call, ...])
    assert_type(made.notes, tuple[Note, ...])
    assert_type(made.blockers, tuple[Blocker, ...])
    assert_type(made.note("steps").verified, bool)
    price = quote(request, provider="acme")
    assert_type(price, Quote)
    assert_type(price.amount, Decimal | None)
    assert_type(compare(request, ["acme"]), dict[str, tuple[Plan, Quote]])


def blocking(request: GenerationRequest) -> Result:
    with Client(emulated=True) as client:
        assert_type(client, Client)
        result = client.generate(request, provider="acme", timeout=60, max_price=Decimal("0.05"))
        assert_type(result, Result)
        assert_type(result.images, tuple[Image, ...])
        assert_type(result.images[0].path, Path)
        assert_type(result.images[0].bytes(), bytes)
        assert_type(result.images[0].seed, int | None)
        assert_type(result.cost, Cost)
        assert_type(result.cost.billed, Decimal | None)
        job = client.submit(request, route=Route(["acme", "other"], prefer="cheapest"))
        assert_type(job, Job)
        assert_type(job.id, str)
        assert_type(job.events(), Iterator[Event])
        assert_type(job.cancel(), bool)
        assert_type(client.run(ModelLoad(url="https://x.example/m", model_id="m"), provider="acme"), Result)
        assert_type(client.run(VideoRequest(prompt="waves", start_image="first.png"), provider="acme"), Result)
        return job.result(timeout=300)


async def awaiting(request: GenerationRequest) -> AsyncIterator[Result]:
    async with AsyncClient.from_config() as client:
        assert_type(client, AsyncClient)
        result = await client.generate(request, provider="acme")
        assert_type(result, Result)
        job = await client.submit(request, provider="acme", idempotency_key="scene-12/shot-3")
        assert_type(await job.id(), str)
        yield await job.result()


def errors(client: Client, request: GenerationRequest) -> None:
    try:
        client.generate(request)
    except InvalidInput as error:
        assert_type([fault.path for fault in error.faults], list[str])
    except OutcomeUnknown as error:
        assert_type(error.job_id, str | None)
    except ImagegenError as error:
        assert_type(error.charged, bool | None)
        assert_type(error.kind, Kind)
        assert_type(error.try_next, bool)


def plugins(provider: Provider, registry: Registry, request: GenerationRequest, catalogue: Catalogue) -> list[Check]:
    resolve(request, catalogue, default_model="m")
    assert_type(imagegen.__version__, str)
    return list(conformance(provider, [request], registry=registry))
