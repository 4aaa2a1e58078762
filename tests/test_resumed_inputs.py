"""A job that was cut off before its picture went in: the same picture goes in later, another one never."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imagegen import Client, GenerationRequest

PROVIDERS = ("tams", "modelslab", "stablediffusionapi", "stablediffusionapi-enterprise")


@pytest.fixture
def picture(tmp_path) -> Path:
    Image.linear_gradient("L").convert("RGB").resize((128, 128)).save(tmp_path / "in.png")
    return tmp_path / "in.png"


def asked(source: object) -> GenerationRequest:
    return GenerationRequest(prompt="a boat", width=128, height=128, seed=1, steps=2, init_image=source, strength=0.5)


def cut_off(client: Client, request: GenerationRequest, provider: str) -> None:
    """Stop the job at its first exchange: nothing has left."""
    send = client.shell.transport.send

    def stop(http):
        raise KeyboardInterrupt

    client.shell.transport.send = stop
    with pytest.raises(KeyboardInterrupt):
        client.generate(request, provider)
    client.shell.transport.send = send
    assert [row.state for row in client.jobs()] == ["prepared"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_same_picture_goes_in_and_the_same_one_comes_out(provider, picture, tmp_path, monkeypatch):
    with Client(emulated=True, home=tmp_path / "a", output=tmp_path / "out") as client:
        undisturbed = client.generate(asked(picture), provider).images[0]

    monkeypatch.chdir(tmp_path)
    with Client(emulated=True, home=tmp_path / "b", output=tmp_path / "out") as client:
        cut_off(client, asked("in.png"), provider)
        monkeypatch.chdir("/")  # another process may stand elsewhere
        ((_, state, _),) = client.reconcile(timeout=60)

        assert state == "succeeded"
        (row,) = client.jobs()
        with Image.open(row.files[0].path) as again, Image.open(undisturbed.path) as once:
            assert again.tobytes() == once.tobytes()
        assert len(client.world.chassis.world.books()) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_picture_that_has_changed_does_not_go_in_and_nothing_is_paid(provider, picture, tmp_path):
    with Client(emulated=True, home=tmp_path / "home", output=tmp_path / "out") as client:
        cut_off(client, asked(picture), provider)
        Image.new("RGB", (128, 128), "red").save(picture)

        ((_, state, words),) = client.reconcile(timeout=60)

        assert state == "prepared"
        assert f"init_image is no longer at hand: {picture} has changed since; run it again" in words
        assert client.world.chassis.world.books() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_bytes_are_not_kept_and_that_is_said(provider, picture, tmp_path):
    with Client(emulated=True, home=tmp_path / "home", output=tmp_path / "out") as client:
        cut_off(client, asked(picture.read_bytes()), provider)

        ((_, state, words),) = client.reconcile(timeout=60)

        assert state == "prepared"
        assert "init_image is no longer at hand: it was given as bytes, which are not kept; run it again" in words
        assert client.world.chassis.world.books() == []


def test_a_job_that_was_sent_does_not_ask_for_its_pictures_again(picture, tmp_path):
    with Client(emulated=True, home=tmp_path / "home", output=tmp_path / "out") as client:
        send, sent = client.shell.transport.send, []

        def stop(http):
            if sent and "/jobs" in sent[-1]:
                raise KeyboardInterrupt
            sent.append(http.wire.url)
            return send(http)

        client.shell.transport.send = stop
        with pytest.raises(KeyboardInterrupt):
            client.generate(asked(picture), "tams")
        client.shell.transport.send = send
        picture.unlink()

        assert [state for _, state, _ in client.reconcile(timeout=60)] == ["succeeded"]
