"""
No leaf of a request is ever lost in silence: properties of plans, for random requests at every installed provider.

By default 10,000 plans are looked at (every request at every provider and in every form); with IMAGEGEN_CAMPAIGN=full it is
10,000 requests.  Nothing is ever sent, so nothing has to be emulated.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from strategies import PICTURE, modest, names_of_fields, requests

from imagegen import catalogue, plugins
from imagegen import settings as configuration
from imagegen.defaults import resolve
from imagegen.placeholders import walk
from imagegen.planning import Desk, draft, inputs
from imagegen.plans import Plan, essential
from imagegen.request import GenerationRequest, leaves
from imagegen.samplers import rows
from imagegen_modelslab import wire as family
from imagegen_tams import vocabulary

WAYS = tuple(
    (name, form)
    for name, provider in plugins.installed().providers.items()
    for form in (None, *getattr(provider, "forms", {}).get(GenerationRequest, ()))
)
COMFY = {
    "sampler_name": frozenset(row.comfy_sampler for row in rows()),
    "scheduler": frozenset(row.comfy_scheduler for row in rows()),
}
FAMILY = {
    "scheduler": frozenset(family.SCHEDULERS),
    "controlnet_model": frozenset(family.CONTROLNETS),
    "controlnet_type": frozenset(family.CONTROLNETS),
    "algorithm_type": frozenset({"none", "dpmsolver+++", "sde-dpmsolver++"}),
}
# The closed lists: what each vendor's documents say may stand in a field, wherever in a body that field is.
LISTS: dict[str, dict[str, frozenset[str]]] = {
    "tams": {
        "sampler": frozenset(vocabulary.names("samplers")),
        "sdVae": frozenset(vocabulary.names("vaes")),
        "hrUpscaler": frozenset(vocabulary.names("upscalers")),
        # preprocessors and detectors are no closed lists: what no page lists is sent and told (unlisted_...)
    },
    "modelslab": FAMILY,
    "stablediffusionapi": FAMILY,
    "stablediffusionapi-enterprise": FAMILY,
}
GRAPH = "classType"
CASES = 10_000
REQUESTS = CASES if os.environ.get("IMAGEGEN_CAMPAIGN") else CASES // max(len(WAYS), 1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    registry = plugins.installed()
    config = configuration.Config(home=tmp_path_factory.mktemp("home"))
    return Desk(registry=registry, config=config, catalogue=catalogue.load(registry))


def planned(request: GenerationRequest, provider: str, desk: Desk, form: str | None) -> Plan:
    images = dict.fromkeys(inputs(request), PICTURE)
    return draft(request, desk.registry.provider(provider), desk, images=images, form=form)


@pytest.mark.parametrize("name", sorted(names_of_fields()))
def test_random_requests_set_every_field(name: str) -> None:
    quick = settings(phases=[Phase.generate], database=None)  # found is enough; nobody reads the smallest
    assert find(requests(), lambda request: getattr(request, name) not in (None, (), {}), settings=quick)


def test_every_leaf_has_one_note_and_nothing_is_lost_in_silence(desk: Desk) -> None:
    @settings(max_examples=REQUESTS, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(requests())
    def case(request: GenerationRequest) -> None:
        for provider, form in WAYS:
            plan = planned(request, provider, desk, form)
            every_leaf_has_one_note(plan)
            what_is_resolved_is_what_was_asked(request, plan, desk)
            what_is_exact_is_in_the_calls(plan)
            what_differs_says_why(plan)
            policies_hold(plan, request.on_unsupported)
            names_are_in_the_vocabulary(plan)
            assert plan == planned(request, provider, desk, form)

    case()


def test_what_strict_lets_through_is_neither_approximated_nor_dropped(desk: Desk) -> None:
    """Most of what is random is refused under `strict`; so this asks for little, and counts what gets through."""
    passed: Counter[str] = Counter()

    @settings(max_examples=REQUESTS // 4, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(modest())
    def case(request: GenerationRequest) -> None:
        for provider, form in WAYS:
            plan = planned(request, provider, desk, form)
            passed[provider] += plan.possible
            policies_hold(plan, "strict")
            what_is_exact_is_in_the_calls(plan)

    case()
    assert min(passed[provider] for provider, _ in WAYS) > REQUESTS // 40


def every_leaf_has_one_note(plan: Plan) -> None:
    counted = Counter(note.field for note in plan.notes)
    assert set(leaves(plan.request, plan.provider)) <= set(counted)
    assert {field for field, count in counted.items() if count > 1} == set()


def what_is_resolved_is_what_was_asked(asked: GenerationRequest, plan: Plan, desk: Desk) -> None:
    """A provider plans the request that `resolve` made; whatever was set in what was asked is a leaf of it."""
    values = desk.settings(desk.registry.provider(plan.provider))
    images = dict.fromkeys(inputs(asked), PICTURE)
    assert plan.request == resolve(asked, desk.catalogue, default_model=values.get("model"), images=images)
    assert set(leaves(asked)) <= set(leaves(plan.request))


def what_is_exact_is_in_the_calls(plan: Plan) -> None:
    """An exact note that names a vendor's field names a value that is really sent."""
    if not plan.possible:
        return
    sent = {_text(leaf) for call in plan.calls for leaf in walk(call.json)}
    everything = "\n".join(sent)
    for note in plan.notes:
        one_place = note.vendor_field and "*" not in note.vendor_field  # `*`: wherever it is needed in a graph
        if note.status == "exact" and one_place and note.sent not in (None, ""):
            values = list(walk(note.sent)) if isinstance(note.sent, (list, Mapping)) else _sides(note.sent)
            assert all(_text(one) in sent or _text(one) in everything for one in values), str(note.as_dict())


def what_differs_says_why(plan: Plan) -> None:
    assert [str(note) for note in plan.notes if note.status != "exact" and not note.reason] == []
    assert [str(blocker) for blocker in plan.blockers if not blocker.reason] == []


def policies_hold(plan: Plan, policy: str) -> None:
    if not plan.possible:
        return
    lossy = [note for note in plan.notes if note.status in ("approximated", "dropped")]
    if policy == "strict":
        assert [str(note) for note in lossy] == []
        assert grade_of_sampler(plan) in ("exact", "near")  # by the vendor's table, whatever the notes say
    if policy == "balanced":
        assert [str(note) for note in lossy if note.status == "dropped" and essential(note.field)] == []


def grade_of_sampler(plan: Plan) -> str:
    table, request = plugins.installed().provider(plan.provider).samplers(), plan.request
    found = table.find(request.sampler, request.schedule)
    in_graph = any(_values(call.json, GRAPH) for call in plan.paid_calls)  # ComfyUI has samplers of its own
    return "exact" if in_graph else found.grade if found else "none"


def names_are_in_the_vocabulary(plan: Plan) -> None:
    """No vendor ever gets a name that is not in its own closed lists; a graph speaks ComfyUI's words."""
    for call in plan.paid_calls:
        lists = COMFY if _values(call.json, GRAPH) else LISTS[plan.provider]
        for key, allowed in lists.items():
            sent = {name for text in _values(call.json, key) for name in text.split(",") if name}
            assert sent <= allowed, f"{plan.provider}: {key}"


def _values(tree: Any, name: str) -> list[str]:
    if isinstance(tree, dict):
        own = [tree[name]] if isinstance(tree.get(name), str) else []
        return own + [value for item in tree.values() for value in _values(item, name)]
    if isinstance(tree, list):
        return [value for item in tree for value in _values(item, name)]
    return []


def _sides(value: Any) -> list[Any]:
    """A size that is told as "768x512" is sent as two numbers."""
    return value.split("x") if isinstance(value, str) and re.fullmatch(r"\d+x\d+", value) else [value]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return f"{value:g}" if abs(value) < 1e6 else str(value)
    return str(value)
