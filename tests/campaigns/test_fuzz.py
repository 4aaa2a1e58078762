"""
A vendor that answers anything: documented answers are bent and fed through the providers' flows, fresh and resumed.

No exception leaves our tree, nothing is called done without a picture that can be opened, and no test here has a socket.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
from PIL import Image

from imagegen import Client, ImagegenError
from imagegen.effects import Http, TooLarge
from imagegen.emulator.inprocess import open_in_process
from imagegen.flow import Reply
from imagegen.ledger.sqlite import SqliteStore
from imagegen.plugins import installed
from imagegen.transport import Local
from imagegen.work import Wishes, perform, reconcile

from . import yard
from .mutants import mutant

ANSWERS = yard.size(100_000, 2_000)
PROMPTS = ("a lighthouse", "a lighthouse [emu:queue]", "a lighthouse [emu:fail]", "a lighthouse [emu:nsfw]")


class Vendor:
    """Answers with what the emulator once said to such a question, bent more often than not."""

    def __init__(self, said: dict[str, list[Reply]], dice: random.Random) -> None:
        self.said, self.dice, self.fed, self.now = said, dice, 0, 1_000_000.0

    def send(self, http: Http) -> Reply:
        reply = self.dice.choice(self.said[kind_of(http)])
        if self.dice.random() < 0.6:
            self.fed += 1
            reply = mutant(reply, self.dice)
        if len(reply.body) > http.limit:
            raise TooLarge("too large", sent=True)
        return reply

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def kind_of(http: Http) -> str:
    path = urlsplit(http.wire.url).path if "emulator.invalid" in http.wire.url else "/files/"
    if "/files/" in path:
        return "file"
    return "poll" if http.wire.method == "GET" or "fetch" in path else "submit"


def recorded(provider: str, tmp_path: Path) -> dict[str, list[Reply]]:
    """Let the emulator answer all kinds of jobs once, and keep its answers."""
    said: dict[str, list[Reply]] = {"submit": [], "poll": [], "file": []}
    with Client(emulated=True, home=tmp_path / "world", output=tmp_path / "pictures") as mine:
        send = mine.world.send

        def listen(http: Http) -> Reply:
            reply = send(http)
            said[kind_of(http)].append(reply)
            return reply

        mine.shell.transport = Local(listen, mine.world.sleep)
        for prompt in PROMPTS:
            try:
                mine.generate(attrs.evolve(yard.request(""), prompt=prompt), provider)
            except ImagegenError:
                continue
    return said


def open_fuzzed(provider: str, vendor: Vendor, tmp_path: Path) -> Client:
    with open_in_process(None) as world:
        settings = {provider: world.settings_for(installed().provider(provider))}
    mine = Client(settings=settings, home=tmp_path / "home", output=tmp_path / "out", ledger=SqliteStore(":memory:"))
    mine.shell.transport.close()
    mine.shell.transport = Local(vendor.send, vendor.sleep)
    for name, value in (("clock", lambda: vendor.now), ("limiter", None), ("dice", vendor.dice)):
        object.__setattr__(mine.session.means, name, value)
    return mine


def resolved(host: str, *_: Any, **__: Any) -> list[Any]:
    """Stand in for the resolver: every name that is one is a public address."""
    host.encode("idna")
    address = host if host.replace(".", "").isdigit() or ":" in host else "93.184.216.34"
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]


@pytest.mark.campaign
@pytest.mark.parametrize("provider", list(yard.SERVED))
def test_whatever_a_vendor_answers_it_ends_in_a_picture_or_in_an_error_of_ours(provider, tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    vendor = Vendor(recorded(provider, tmp_path), random.Random(provider))
    made = failed = 0
    while vendor.fed < ANSWERS:
        with open_fuzzed(provider, vendor, tmp_path) as mine:
            outcomes = feed(mine, provider, vendor, most=100)
        made, failed = made + outcomes.count(True), failed + outcomes.count(False)

    assert made > 0
    assert failed > 0


def feed(mine: Client, provider: str, vendor: Vendor, most: int) -> list[bool]:
    """Run some jobs, then pick up what is left of them, among more such answers; tell which became pictures."""
    order = mine.shell.run(mine._orders(yard.request("a lighthouse"), provider, {}))[0]
    outcomes = []
    while vendor.fed < ANSWERS and len(outcomes) < most:
        try:
            result = mine.shell.run(perform(mine.session, order, Wishes(timeout=600.0)))
        except ImagegenError as error:
            assert mine.row(error.job_id).state != "succeeded"
            assert "plugin broke" not in str(error)
        else:
            check(result.images)
        outcomes.append(mine.jobs(limit=1)[0].state == "succeeded")
    told = mine.shell.run(reconcile(mine.session, Wishes(timeout=600.0)))
    assert not [words for _, _, words in told if "plugin broke" in words]
    assert all(row.files for row in mine.jobs(state="succeeded", limit=most))
    return outcomes


def check(pictures: Any) -> None:
    assert pictures
    for picture in pictures:
        with Image.open(picture.path) as opened:
            opened.load()
