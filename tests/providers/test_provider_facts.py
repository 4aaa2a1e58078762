"""What every provider package owes its readers: names out of closed lists, and a public source for every fact."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen import plugins, samplers
from imagegen.catalogue import built_in, merge
from imagegen.provider import Context
from imagegen.request import GenerationRequest, ModelRef
from imagegen_modelslab import wire as family
from imagegen_tams import vocabulary

PROVIDERS = plugins.installed().providers
SCHEDULERS = frozenset(family.SCHEDULERS)
# The closed lists: what each vendor's documents say may be sent as a sampler.
VOCABULARY = {
    "tams": frozenset(vocabulary.names("samplers")),
    "modelslab": SCHEDULERS,
    "stablediffusionapi": SCHEDULERS,
    "stablediffusionapi-enterprise": SCHEDULERS,
}
PACKAGES = sorted(
    path for path in (Path(__file__).parents[2] / "providers").glob("imagegen_*") if (path / "py.typed").exists()
)
# Rooms that state what the vendor documents; each docstring says where that is written.
ROOMS = (
    *("wire", "operations", "model_calls", "editing", "realtime", "newer", "older", "endpoints", "dialect", "answers"),
    *("errors", "explain", "pricing", "signing", "graph"),
)
PUBLIC = re.compile(r"https?://[\w-]+\.[\w.-]+|\b\w[\w-]+/\w[\w.-]+ ?@ ?[0-9a-f]{7,}")
NAMES = sorted(PROVIDERS)
CATALOGUE = merge([("built-in", built_in())], NAMES)
PAIRS = st.sampled_from([(row.sampler, row.schedule) for row in samplers.rows()])


def test_the_closed_list_of_every_installed_provider_is_known_here():
    assert set(VOCABULARY) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_shows_its_own_table_of_samplers_and_names_nothing_outside_the_closed_list(name):
    table = PROVIDERS[name].samplers()

    assert isinstance(table, samplers.VendorTable)
    assert table.names() <= VOCABULARY[name]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_table_does_not_take_as_it_is_has_a_reason(name):
    table = PROVIDERS[name].samplers()

    assert all(match.reason for match in table.offers.values() if match.grade != "exact")
    assert all(table.refusals.values())


def sampler_sent(body: Any) -> Any:
    """Return the sampler in a planned body, wherever it stands."""
    found = [item for stage in body.get("stages", ()) for item in stage.values() if isinstance(item, dict)]
    return next((item["sampler"] for item in found if "sampler" in item), body.get("scheduler"))


@pytest.mark.parametrize("name", NAMES)
@given(pair=PAIRS)
def test_whatever_is_asked_for_only_names_of_the_closed_list_are_sent(name, pair):
    provider = PROVIDERS[name]
    model = "tams:600423083519508503" if name == "tams" else f"{name}:any"
    request = GenerationRequest(
        prompt="x", model=model, sampler=pair[0], schedule=pair[1], on_unsupported="lenient", width=512, height=512
    )
    base = {"base_url": "https://vendor.example"}
    for call in provider.plan(request, Context(settings=base, catalogue=CATALOGUE)).paid_calls:
        assert sampler_sent(call.json) in VOCABULARY[name] | {None}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_room_of_facts_says_where_they_are_written(package):
    for path in sorted(path for path in package.glob("*.py") if path.stem in ROOMS):
        said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        assert PUBLIC.search(said), path.name


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_price_id_and_list_of_names_has_a_source(package):
    tables = [tomllib.loads(path.read_text("utf-8")) for path in package.glob("*.toml")]
    rows = [row for table in tables for row in table.get("price", ())]
    ids = [known for table in tables for entry in table.get("entry", ()) for known in entry["vendor"].values()]
    lists = [one for path in package.glob("data/*.json") for one in _sourced(json.loads(path.read_text("utf-8")))]

    assert ids, "a package offers at least the ids of its vendor's examples"
    for fact in (*rows, *ids, *lists):
        assert PUBLIC.search(fact["source"]), fact


def _sourced(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [data] if "source" in data else list(data.values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "words", [{"detailers": ({},)}, {"upscale": {}}, {"detailers": ({},), "passes": ["diffusion"]}]
)
def test_a_pass_of_which_nothing_is_said_is_done_or_its_loss_is_told(name, words):
    request = GenerationRequest.from_dict({"prompt": "x", "model": "tams:600423083519508503", **words})
    request = attrs.evolve(request, model=ModelRef(f"{name}:600423083519508503"), on_unsupported="lenient")
    made = PROVIDERS[name].plan(request, Context(settings={"base_url": "https://vendor.example"}, catalogue=CATALOGUE))
    part = "detailers[0]" if "detailers" in words else "upscale"

    done = json.dumps(made.calls[0].json, default=str)
    told = [note for note in made.notes if note.field == part and note.status == "dropped"]
    assert bool(told) != any(word in done for word in ("imageToAdetailer", "imageToUpscaler", '"upscale": "yes"'))
