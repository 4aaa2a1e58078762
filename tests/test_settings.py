"""Settings: a word that nobody knows is never lost in silence, and what is a vendor's is declared by its provider."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy import Toy

from imagegen import Client, NotConfigured, planning, plugins, settings
from imagegen.cli import main
from imagegen.errors import InvalidInput
from imagegen.provider import Setting

INSTALLED = plugins.installed()


def load(text: str, name: str = settings.FILE) -> settings.Config:
    Path(name).write_text(text)
    return settings.load({"IMAGEGEN_CONFIG": "nowhere"}, registry=INSTALLED)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[providers.tams]\non_unkown = "hold"',
            "providers.tams.on_unkown: is not a setting of tams; did you mean on_un",
        ),
        ('[providers.tams]\non_unknown = "hodl"', "providers.tams.on_unknown: must be one of resend, hold, not 'hodl'"),
        ('[providers.tams]\nusd_per_credit = "five"', "providers.tams.usd_per_credit: must be an amount"),
        ("[providers.tams]\nmodel = [1]", "providers.tams.model: must be one value, not [1]"),
        ("[providers.tms]\nx = 1", "providers.tms: no provider is called 'tms'; did you mean tams?"),
        (
            'default_provider = "modelslap"',
            "default_provider: no provider is called 'modelslap'; did you mean modelslab?",
        ),
        ("output = 5", "output: must be text, not 5"),
        ('ouput = "x"', "ouput: is not a setting; did you mean output?"),
        ("providers = 5", "providers: must be a table of settings, not 5"),
        ("providers.tams = 5", "providers.tams: must be a table of settings, not 5"),
    ],
)
def test_a_word_that_nobody_knows_is_an_error_that_names_the_file_the_path_and_the_near_word(text, words):
    with pytest.raises(NotConfigured) as caught:
        load(text)
    assert str(caught.value).startswith(str(Path.cwd() / settings.FILE)) and words in str(caught.value)


def test_all_faults_of_all_files_are_told_at_once():
    Path(settings.PRICES).write_text('[providers.tams]\nmodel = "x"\n')
    with pytest.raises(NotConfigured) as caught:
        load('output = 5\n[providers.tams]\non_unkown = "hold"\n[providers.modelslab]\nplan = "x"\n')
    told = str(caught.value)
    assert all(word in told for word in ("4 faults", "output", "on_unkown", "modelslab.plan", "says no price"))


def test_a_misspelled_guard_against_paying_twice_stops_every_door(capsys):
    Path(settings.FILE).write_text('[providers.tams]\non_unkown = "hold"\n')
    planning.desk.cache_clear()
    for argv in (["plan", "x", "--provider", "tams"], ["config"], ["doctor", "--offline"], ["providers"]):
        assert main(argv) == 2
        assert "did you mean on_unknown?" in capsys.readouterr().err
    with pytest.raises(NotConfigured, match="on_unknown"):
        Client.from_config()


def test_a_shared_file_may_speak_of_providers_that_are_not_installed_here_and_is_told_that_it_has_no_effect(capsys):
    config = load("[providers.acme]\nx = 1\n")
    (told,) = config.strangers(INSTALLED)
    assert "providers.acme: no provider is called 'acme'" in told

    assert main(["config", "--json"]) == 0
    assert "providers.acme" in json.loads(capsys.readouterr().out)["no_effect"][0]
    main(["doctor", "--offline"])
    assert "providers.acme" in " ".join(capsys.readouterr().out.split())


def test_a_default_that_is_not_installed_is_an_error_where_it_is_needed(capsys):
    config = load('default_provider = "nope"')
    with pytest.raises(NotConfigured, match=r"imagegen\.toml: default_provider: no provider is called 'nope'"):
        config.choose(INSTALLED)
    assert main(["plan", "x"]) == 2 and "nope" in capsys.readouterr().err
    assert main(["plan", "x", "--provider", "tams"]) == 0


def test_what_a_program_gives_is_checked_in_full():
    with pytest.raises(InvalidInput) as caught:
        Client(emulated=True, settings={"tams": {"on_unkown": "hold"}, "nope": {}, "modelslab": 5})
    assert [fault.path for fault in caught.value.faults] == [
        "settings.tams.on_unkown",
        "settings.nope",
        "settings.modelslab",
    ]
    assert "did you mean on_unknown?" in str(caught.value)


def test_a_wrong_value_of_a_secret_does_not_show():
    with pytest.raises(InvalidInput) as caught:
        Client(emulated=True, settings={"tams": {"api_key": ["canary-4711"]}})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "suffixes", "normal"),
    [
        ("https://h/v1/api", ("/v1", "/api"), "https://h"),
        ("h.example/api/v1/", ("/v1", "/api"), "https://h.example"),
        ("https://acme.example/api", (), "https://acme.example/api"),
        ("http://127.0.0.1:8085/tams/", (), "http://127.0.0.1:8085/tams"),
    ],
)
def test_only_the_suffixes_that_a_provider_declares_are_taken_off_in_any_order(url, suffixes, normal):
    assert settings.normal_url(url, suffixes) == normal


@pytest.mark.parametrize("name", INSTALLED.providers)
def test_our_providers_tolerate_the_suffixes_that_users_carry_along(name):
    config = settings.Config(home=Path())
    assert config.values(INSTALLED.provider(name), {"base_url": "https://h/x/api/v1"})["base_url"] == "https://h/x"


def test_what_tells_accounts_apart_is_declared_and_not_a_name_that_the_core_knows():
    class Stranger(Toy):
        settings = (*Toy.settings, Setting(name="team", account=True), Setting(name="app_id"))

    def account(**words: str) -> str:
        return settings.fingerprint(words, Stranger("toy"))

    assert account(team="a") != account(team="b")
    assert account(app_id="a") == account(app_id="b")
