"""Random requests, of every field a request has, for the properties that must hold for all of them."""

from __future__ import annotations

import io
from typing import Any

import attrs
from hypothesis import strategies as st
from PIL import Image

from imagegen import plugins, samplers
from imagegen.images import inspect_input
from imagegen.request import (
    Control,
    Detailer,
    Embedding,
    GenerationRequest,
    ImageInput,
    Inpaint,
    Lora,
    ModelRef,
    Upscale,
)


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("L", (512, 512), 255).save(out, "PNG")
    return out.getvalue()


PICTURE = attrs.evolve(inspect_input(_png()), source="a.png")
POLICIES = st.sampled_from(["strict", "balanced", "lenient"])
PAIRS = tuple((row.sampler, row.schedule) for row in samplers.rows())

words = st.text("abc (){}[]:|<>,.\"'\\\n=é猫😀0159", min_size=1, max_size=30).filter(str.strip)
prompts = st.one_of(
    words,
    st.sampled_from(["a cat", "(red:1.3) cat", "((sharp)), [dull]", "a BREAK b", "[a:b:0.5]", "[a|b] AND c", "cat++"]),
)
ids = st.one_of(
    st.integers(10**14, 10**19).map(str),
    st.sampled_from(["some-model", "@demo-checkpoint", "@demo-style", "@demo-detail", "@no-such-thing", "with,comma"]),
    st.sampled_from(["https://example.com/model.safetensors", "hf:org/name", "urn:air:sd1:checkpoint:civitai:1@2"]),
)
weights = st.one_of(st.just(1.0), st.floats(-3, 3, allow_nan=False).map(lambda x: round(x, 3)))
keys = st.one_of(st.none(), st.just("env:SOME_ACCESS_KEY"))
unit = st.floats(0, 1).map(lambda x: round(x, 3))
picture = st.just(ImageInput("a.png"))


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Set or not, as often as not."""
    return st.one_of(st.none(), values)


def lists(values: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=most).map(tuple)


loras = st.builds(Lora, ids, weights, maybe(weights), access_key=keys)
embeddings = st.builds(Embedding, ids, weights, access_key=keys, target=st.sampled_from(["positive", "negative"]))
inpaints = st.builds(
    Inpaint,
    fill=st.sampled_from(["original", "blur", "noise", "zero"]),
    mask_blur=st.integers(0, 64),
    only_masked=st.booleans(),
    padding=st.integers(0, 64),
    invert=st.booleans(),
)
controls = st.builds(
    Control,
    image=picture,
    module=maybe(st.sampled_from(["canny", "openpose", "depth_midas", "no-such-module"])),
    model=st.sampled_from(["control_v11p_sd15_canny", "canny", "no-such-model"]),
    weight=weights,
    start=st.just(0.0) | st.just(0.25),
    end=st.just(1.0) | st.just(0.75),
)
upscales = st.one_of(
    st.builds(Upscale, scale=maybe(st.sampled_from([1.5, 2.0, 4.0])), steps=maybe(st.integers(1, 60))),
    st.builds(
        Upscale,
        width=st.integers(64, 4096),
        height=st.integers(64, 4096),
        strength=maybe(unit),
        upscaler=maybe(st.sampled_from(["R-ESRGAN 4x+", "Latent", "no such upscaler"])),
    ),
)
detailers = st.builds(
    Detailer,
    model=maybe(st.sampled_from(["face_yolov8n.pt", "hand_yolov8n.pt", "no-such-detector"])),
    steps=maybe(st.integers(1, 60)),
    prompt=maybe(words),
    negative_prompt=maybe(words),
    strength=maybe(unit),
    confidence=maybe(unit),
    dilate=maybe(st.integers(-32, 32)),
    padding=maybe(st.integers(0, 64)),
)
own_words = st.one_of(
    st.fixed_dictionaries({}, optional={"etaNoiseSeedDelta": st.integers(0, 99_999), "no such word": st.just("x")}),
    st.fixed_dictionaries(
        {}, optional={"safety_checker": st.sampled_from(["yes", "no"]), "track_id": st.just("shot-3")}
    ),
    st.fixed_dictionaries({"diffusion": st.fixed_dictionaries({"etaNoiseSeedDelta": st.integers(0, 99_999)})}),
)
options = st.dictionaries(st.sampled_from([*plugins.installed().providers]), own_words, max_size=2)
labels = st.dictionaries(st.sampled_from(["scene", "shot"]), st.just("12"), max_size=2)
passes = st.lists(st.sampled_from(["diffusion", "inpaint", "upscale", "detail"]), unique=True, max_size=4).map(tuple)


@st.composite
def requests(draw: Any, policy: st.SearchStrategy[str] | None = None) -> GenerationRequest:
    """Any request that is one: fields that need each other come together."""
    init = draw(maybe(picture))
    mask = draw(maybe(picture)) if init is not None else None
    pair = draw(maybe(st.sampled_from(PAIRS)))
    sampler, schedule = pair or (None, None)
    return GenerationRequest(
        prompt=draw(prompts),
        negative_prompt=draw(maybe(prompts)),
        model=draw(maybe(st.builds(ModelRef, ids, access_key=keys))),
        width=draw(maybe(st.integers(64, 4096))),
        height=draw(maybe(st.integers(64, 4096))),
        n=draw(st.integers(1, 9)),
        steps=draw(maybe(st.integers(1, 150))),
        cfg_scale=draw(maybe(st.floats(0, 50).map(lambda x: round(x, 2)))),
        distilled_guidance=draw(maybe(st.floats(0, 10).map(lambda x: round(x, 2)))),
        sampler=sampler,
        schedule=schedule if draw(st.booleans()) else None,
        seed=draw(maybe(st.integers(0, 2**64 - 1) | st.integers(0, 9))),
        clip_skip=draw(maybe(st.integers(1, 24))),
        loras=draw(lists(loras)),
        embeddings=draw(lists(embeddings, 2)),
        vae=draw(
            maybe(st.sampled_from(["Automatic", "vae-ft-mse-840000-ema-pruned.ckpt", "@demo-checkpoint", "no-such"]))
        ),
        init_image=init,
        strength=draw(maybe(unit)) if init is not None else None,
        mask_image=mask,
        inpaint=draw(maybe(inpaints)) if mask is not None else None,
        controls=draw(lists(controls, 2)),
        upscale=draw(maybe(upscales)),
        detailers=draw(lists(detailers, 2)),
        passes=draw(st.none() | st.none() | passes),
        provider_options=draw(st.just({}) | options),
        labels=draw(st.just({}) | labels),
        on_unsupported=draw(POLICIES if policy is None else policy),
    )


@st.composite
def modest(draw: Any) -> GenerationRequest:
    """A strict request with a few fields set, many of which a vendor can keep."""
    whole = draw(requests(st.just("strict")))
    kept = draw(st.sets(st.sampled_from(sorted(names_of_fields() - {"on_unsupported"})), max_size=4))
    kept |= {"init_image"} if kept & {"strength", "mask_image", "inpaint"} else set()
    kept |= {"mask_image"} if "inpaint" in kept else set()
    if whole.init_image is None:
        kept -= {"strength", "mask_image", "inpaint"}
    words = {name: getattr(whole, name) for name in kept}
    return GenerationRequest(**{"prompt": "a cat", "on_unsupported": "strict", **words})


def names_of_fields() -> frozenset[str]:
    """Return every field of a request, for the test that no strategy forgot one."""
    return frozenset(a.name for a in attrs.fields(GenerationRequest))


__all__ = ["PICTURE", "modest", "names_of_fields", "prompts", "requests", "words"]
