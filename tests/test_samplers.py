"""Samplers: every tool's spelling reads as one neutral pair, and a pair is written back as it was read."""

import json
import subprocess
import sys
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen import samplers
from imagegen.samplers import FALLBACKS, SAMPLERS, SCHEDULES, VendorTable, parse

NAMES = json.loads(files("imagegen").joinpath("data/sampler_names.json").read_text("utf-8"))
SPELLINGS = [
    (name, meaning)
    for tool in NAMES["samplers"]
    for name, meaning in NAMES["samplers"][tool]["values"].items()
    if meaning and (tool, name) != ("invokeai", "unipc")  # A1111's UniPC has the same spelling
]
PAIRS = [(row.sampler, row.schedule) for row in samplers.rows()]

TABLE = VendorTable.from_csv(
    """sampler,schedule,name,extra,grade,reason
euler,uniform,EulerDiscreteScheduler,karras=no,near,spacing is the checkpoint's
euler,karras,EulerDiscreteScheduler,karras=yes,near,
euler_a,karras,EulerAncestralDiscreteScheduler,,none,the class ignores the flag
dpmpp_2m,uniform,DPMSolverMultistepScheduler,karras=no,near,
dpmpp_2m,karras,DPMSolverMultistepScheduler,karras=yes,exact,
dpmpp_2m_sde,karras,DPMSolverMultistepScheduler,karras=yes;algorithm=sde,near,
restart,karras,,,unlisted,
"""
)


def test_the_table_has_58_pairs_each_once_with_known_sources_and_grades():
    grades = {grade for row in samplers.rows() for grade in (row.comfy_grade, row.diffusers_grade)}

    assert len(samplers.rows()) == 58
    assert grades <= {"exact", "near", "approx", "none", "unlisted"}
    assert {word for row in samplers.rows() for word in row.source.split()} == set(samplers.sources())
    assert all(samplers.row(*pair) is row for pair, row in zip(PAIRS, samplers.rows(), strict=True))


def test_the_table_uses_only_names_of_the_closed_vocabularies():
    comfy = NAMES["samplers"]["comfy"]["values"]
    schedulers = NAMES["schedules"]["comfy"]["values"]
    for row in samplers.rows():
        assert not row.comfy_sampler or (row.comfy_sampler in comfy and row.comfy_scheduler in schedulers)
        assert not row.diffusers_class or row.diffusers_class in NAMES["samplers"]["diffusers"]["values"]


@pytest.mark.parametrize(("name", "meaning"), SPELLINGS)
def test_every_spelling_of_every_tool_reads_as_its_meaning(name, meaning):
    sampler, _, schedule = meaning.partition(" ")

    assert parse(name) == (sampler, schedule or None)
    assert sampler in SAMPLERS
    assert not schedule or schedule in SCHEDULES


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("DPM++ 2M Karras", ("dpmpp_2m", "karras")),
        ("DPM++ 2M", ("dpmpp_2m", None)),
        ("  dpm++ 2m  sde   heun exponential", ("dpmpp_2m_sde_heun", "exponential")),
        ("Euler a SGM Uniform", ("euler_a", "sgm_uniform")),
        ("euler_ancestral", ("euler_a", None)),
        ("dpmpp_sde_gpu", ("dpmpp_sde", None)),
        ("EulerAncestralDiscrete", ("euler_a", None)),
        ("DPMSolverSinglestepScheduler", ("dpmpp_2s", None)),
        ("IPNDMScheduler", ("vendor:ipndm", None)),
        ("IPNDM", ("ipndm", None)),
        ("k_dpmpp_2m_sde", ("dpmpp_2m_sde", None)),
        ("euler_k", ("euler", "karras")),
        ("DPM2MKarras", ("dpmpp_2m", "karras")),
        ("DPM2 Karras", ("dpm_2", "karras")),
        ("DDIM CFG++", ("ddim_cfg_pp", None)),
    ],
)
def test_famous_spellings_read_as_expected(name, pair):
    assert parse(name) == pair


@pytest.mark.parametrize("name", ["", "DPM++", "Undefined", "k_", "Karras", "euler karras karras", "vendor:"])
def test_a_word_that_says_no_sampler_is_refused(name):
    with pytest.raises(ValueError, match="unknown sampler"):
        parse(name)


def test_a_refusal_names_what_is_near():
    with pytest.raises(ValueError, match="euler_ancestral"):
        parse("euler_ancestrel")
    with pytest.raises(ValueError, match="karras"):
        parse("euler", "karas")


def test_a_schedule_may_be_said_beside_the_name():
    assert parse("DPM++ 2M", "Karras") == ("dpmpp_2m", "karras")
    assert parse("DPM++ 2M Karras", "karras") == ("dpmpp_2m", "karras")
    assert parse("euler", "normal") == ("euler", "uniform")
    assert parse("euler", "") == ("euler", None)
    with pytest.raises(ValueError, match="says schedule 'karras'"):
        parse("DPM++ 2M Karras", "exponential")


def test_the_word_automatic_is_resolved_because_only_a1111_1_9_has_it():
    assert parse("DPM++ 2M", "Automatic") == ("dpmpp_2m", "karras")
    assert parse("DPM++ 3M SDE Automatic") == ("dpmpp_3m_sde", "exponential")
    assert parse("Euler", "automatic") == ("euler", "uniform")
    assert parse("DPM++ 2M Karras", "Automatic") == ("dpmpp_2m", "karras")


def test_comfys_word_for_a_samplers_own_schedule_is_native():
    assert parse("ddim", "ddim_uniform") == ("ddim", "native")
    assert parse("dpm_fast", "normal") == ("dpm_fast", "native")
    assert parse("ddim", "normal") == ("ddim", "uniform")


def test_defaults_are_a1111s_automatic_or_the_first_row():
    asked = ("dpmpp_2m", "dpmpp_2m_sde", "euler", "ddim", "lcm", "dpmpp_2s", "res_multistep")

    assert [samplers.default_schedule(sampler) for sampler in asked] == [
        "karras", "exponential", "uniform", "native", "sgm_uniform", "karras", "uniform",
    ]  # fmt: skip


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[0] != "flow_euler"])
def test_what_a1111_and_comfy_call_a_pair_reads_back_as_that_pair(pair):
    for said in (samplers.a1111_name(*pair), samplers.comfy_name(*pair)):
        assert said is None or parse(*said) == pair


def test_infotext_names_are_the_1_9_form():
    assert samplers.a1111_name("dpmpp_2m", "karras") == ("DPM++ 2M", "Karras")
    assert samplers.a1111_name("dpmpp_2m", None) == ("DPM++ 2M", "Karras")
    assert samplers.a1111_name("euler", "uniform") == ("Euler", "Automatic")
    assert samplers.a1111_name("heun", "beta") == ("Heun", "Beta")
    assert samplers.a1111_name("flow_euler", "simple") == ("Euler", "Simple")
    assert samplers.a1111_name("tcd", "native") is None
    assert samplers.a1111_name("euler", "linear_quadratic") is None


def test_comfy_names_cover_pairs_outside_the_table_but_never_guess():
    assert samplers.comfy_name("ddim", None) == ("ddim", "ddim_uniform")
    assert samplers.comfy_name("dpmpp_sde", "beta") == ("dpmpp_sde", "beta")
    assert samplers.comfy_name("res_multistep", "simple") == ("res_multistep", "simple")
    assert samplers.comfy_name("plms", "native") is None
    assert samplers.comfy_name("euler", "ays") is None


def test_every_fallback_ends_at_a_pair_of_the_table():
    for start in FALLBACKS:
        seen, step = {start}, FALLBACKS[start]
        while step[0] in FALLBACKS:
            assert step[0] not in seen
            assert samplers.row(*step) is not None
            seen.add(step[0])
            step = FALLBACKS[step[0]]
        assert samplers.row(*step) is not None


def test_sets_name_only_samplers_that_exist():
    assert set(FALLBACKS) | samplers.SECOND_ORDER | samplers.USES_ENSD <= SAMPLERS


def test_a_vendor_table_finds_a_pair_with_its_extra_fields():
    found = TABLE.find("dpmpp_2m")

    assert found is not None
    assert (found.name, dict(found.extra), found.grade) == (
        "DPMSolverMultistepScheduler",
        {"karras": "yes"},
        "exact",
    )


def test_a_missing_pair_follows_the_fallbacks_and_says_so():
    found = TABLE.find("unipc", None)

    assert found is not None
    assert (found.sampler, found.schedule, found.grade) == ("dpmpp_2m", "karras", "fallback")
    assert found.reason == "unipc with schedule native is not offered"


def test_a_pair_without_name_or_counterpart_is_refused_with_its_reason():
    assert TABLE.find("euler_a", "karras") is None
    assert TABLE.reason("euler_a", "karras") == "the class ignores the flag"
    assert TABLE.reason("euler", "uniform") == "spacing is the checkpoint's"
    assert TABLE.find("restart") is None
    assert TABLE.find("no such sampler") is None
    assert TABLE.reason("heun") == "heun with schedule uniform is not offered"


def test_a_vendor_table_reads_its_own_names_back():
    for match in TABLE.offers.values():
        assert TABLE.parse(match.name, match.extra) == (match.sampler, match.schedule)


def test_an_ambiguous_name_reads_as_its_best_grade():
    assert TABLE.parse("dpmsolvermultistepscheduler") == ("dpmpp_2m", "karras")
    assert TABLE.parse("EulerDiscreteScheduler", {"karras": "maybe"}) == ("euler", "uniform")
    with pytest.raises(ValueError, match="near: EulerDiscreteScheduler"):
        TABLE.parse("EulerScheduler")
    assert TABLE.names() == {"EulerDiscreteScheduler", "DPMSolverMultistepScheduler"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("eulr,uniform,X,,exact,", "no neutral ids"),
        ("euler,uniform,X,,perfect,", "grade 'perfect'"),
        ("euler,uniform,X,,exact,\neuler,uniform,Y,,near,", "twice"),
    ],
)
def test_a_wrong_vendor_table_is_refused(line, message):
    with pytest.raises(ValueError, match=message):
        VendorTable.from_csv("sampler,schedule,name,extra,grade,reason\n" + line)


def test_a_vendor_table_is_read_from_a_package(tmp_path, monkeypatch):
    package = tmp_path / "acme_samplers"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "samplers.csv").write_text("sampler,schedule,name,extra,grade,reason\nlcm,sgm_uniform,L,,near,\n")
    monkeypatch.syspath_prepend(tmp_path)

    assert VendorTable.load("acme_samplers", "samplers.csv").find("lcm").name == "L"
    assert VendorTable.load("acme_samplers", "samplers.csv") is VendorTable.load("acme_samplers", "samplers.csv")


@given(st.text())
def test_any_text_is_read_or_refused_with_a_value_error(text):
    try:
        sampler, schedule = parse(text)
    except ValueError:
        return
    assert sampler in SAMPLERS
    assert schedule is None or schedule in SCHEDULES


@given(st.sampled_from(SPELLINGS), st.sampled_from(sorted(SCHEDULES)), st.booleans())
def test_a_parsed_pair_parses_to_itself(spelling, schedule, beside):
    try:
        pair = parse(spelling[0], schedule) if beside else parse(f"{spelling[0]} {schedule}")
    except ValueError:  # the spelling already says another schedule
        assert " " in spelling[1]
        return

    assert parse(*pair) == pair


def test_importing_the_module_reads_no_table():
    code = (
        "import imagegen.samplers as s; tables = [s.facts.table, s.facts._names];"
        "assert all(t.cache_info().currsize == 0 for t in tables); s.SAMPLERS;"
        "assert all(t.cache_info().currsize == 1 for t in tables)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_module_attributes_stay_errors():
    with pytest.raises(AttributeError):
        _ = samplers.NOTHING
