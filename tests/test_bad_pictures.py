"""Pictures that cannot be used: each has its own clear error, and nothing was paid anywhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagegen import Client, GenerationRequest, ImagegenError, ImageInput
from imagegen.plugins import installed

PROVIDERS = sorted(installed().providers)
PAGE = "http://emulator.invalid/files/a-page"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(emulated=True, home=tmp_path / "home") as client:
        yield client


def png(width: int, height: int, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), 1).save(out, "PNG")
    return out.getvalue()


def animation() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def large() -> bytes:
    return png(64, 64) + b"\0" * (20 * 1024 * 1024)


BAD = {
    "20 MB": (large, "MB; at most"),
    "0 bytes": (lambda: b"", "is empty (0 bytes)"),
    "an animated GIF": (animation, "is an animation"),
    "100 megapixels": (lambda: png(10_000, 10_000, "1"), "100 million pixels"),
    "an HTML page": (lambda: b"<!doctype html><title>no</title>", "a web page"),
    "half a PNG": (lambda: png(64, 64)[:60], "is damaged or cut short"),
    "no picture at all": (lambda: b"\1\2\3\4" * 99, "is not a picture"),
}


def refused(client: Client, request: GenerationRequest, provider: str) -> str:
    """Make the request; return the error, which must be about the input and must have cost nothing."""
    assert client.world is not None
    with pytest.raises(ImagegenError) as error:
        client.generate(request, provider)
    assert (error.value.kind, error.value.charged) in (("invalid_input", False), ("unsupported_parameter", False))
    assert client.world.chassis.world.books() == []
    assert client.jobs() == []  # it never became a job
    return str(error.value)


def over(image: ImageInput, **more: Any) -> GenerationRequest:
    return GenerationRequest(prompt="a cat", width=512, height=512, init_image=image, **more)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_has_its_own_error_before_anything_is_paid(
    client: Client, tmp_path: Path, provider: str, make: Any, words: str
) -> None:
    file = tmp_path / "input.png"
    file.write_bytes(make())
    told = refused(client, over(ImageInput.of(str(file))), provider)

    assert words in told
    assert "init_image" in told and str(file) in told


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_address_that_answers_a_web_page_is_found_before_anything_is_paid(client: Client, provider: str) -> None:
    assert client.world is not None
    client.world.chassis.world.keep("a-page", b"<!doctype html><title>Sign in</title>", "text/html")
    told = refused(client, over(ImageInput.of(PAGE)), provider)

    assert "init_image" in told and PAGE in told and "a web page" in told


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_address_where_nothing_lies_is_said(client: Client, provider: str) -> None:
    told = refused(client, over(ImageInput.of(PAGE)), provider)

    assert "init_image" in told and PAGE in told and "cannot be fetched" in told


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_mask_of_another_size_is_an_error_of_its_own(client: Client, tmp_path: Path, provider: str) -> None:
    (tmp_path / "picture.png").write_bytes(png(512, 512))
    (tmp_path / "mask.png").write_bytes(png(256, 512, "L"))
    pictures = {
        "picture": ImageInput.of(str(tmp_path / "picture.png")),
        "mask": ImageInput.of(str(tmp_path / "mask.png")),
    }
    told = refused(client, over(pictures["picture"], mask_image=pictures["mask"]), provider)

    assert "mask_image" in told and "256x512" in told and "512x512" in told


def test_a_file_that_is_not_there_is_said(client: Client, tmp_path: Path) -> None:
    told = refused(client, over(ImageInput.of(str(tmp_path / "nowhere.png"))), "tams")

    assert "cannot read" in told and "nowhere.png" in told
