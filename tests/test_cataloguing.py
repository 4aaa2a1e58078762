"""Addresses become entries of the user's catalogue, by what they say and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagegen import catalogue
from imagegen.cataloguing import append, entry_of
from imagegen.cli import main
from imagegen.errors import InvalidInput
from imagegen.hookspecs import hookimpl
from imagegen.plugins import load
from imagegen.redaction import without_secrets

ADDRESSES = """
[[address]]
provider = "somebody"
pattern = 'https://somebody\\.example/models/(\\d+)'
"""
KNOWN = catalogue.merge([("test", ADDRESSES)], ["somebody", "other"])


@pytest.mark.parametrize(
    ("url", "facts"),
    [
        (
            "https://civitai.com/models/7240/meinamix?modelVersionId=119057&token=secret",
            {
                "name": "meinamix",
                "air": "civitai:7240@119057",
                "source_url": "https://civitai.com/api/download/models/119057",
            },
        ),
        (
            "https://civitai.com/models/7240/meinamix",
            {"name": "meinamix", "source_url": "https://civitai.com/models/7240/meinamix"},
        ),
        ("https://huggingface.co/org/Some-Model", {"name": "some-model", "source_url": "hf:org/Some-Model"}),
        ("hf:org/Some-Model", {"name": "some-model", "source_url": "hf:org/Some-Model"}),
        (
            "https://x.example/Film%20Grain.safetensors?key=secret&v=1",
            {"name": "film-20grain", "source_url": "https://x.example/Film%20Grain.safetensors?v=1"},
        ),
    ],
)
def test_an_address_says_what_it_says(url: str, facts: dict[str, str]) -> None:
    assert entry_of(url, KNOWN) == {**facts, "kind": "checkpoint"}


def test_a_vendors_own_page_says_its_id() -> None:
    page = "https://somebody.example/models/123"
    row = entry_of(page, KNOWN, name="grain", kind="lora", vendor={"other": {"id": "grain-v1", "match": "same-file"}})

    assert row["vendor"] == {
        "somebody": {"id": "123", "match": "same-file", "source": page},
        "other": {"id": "grain-v1", "match": "same-file"},
    }


@pytest.mark.parametrize(
    ("url", "said", "reason"),
    [
        ("https://somebody.example/models/123", {}, "says no name"),
        ("grain.safetensors", {}, "must be an address"),
        ("https://[no", {}, "must be an address"),
        ("https://x.example/a", {"kind": "thing"}, "kind"),
        ("https://x.example/a", {"family": "sd99"}, "family"),
        ("https://x.example/a", {"name": "No Such"}, "name"),
        ("https://x.example/a", {"vendor": {"nobody": {"id": "1"}}}, "nobody"),
        ("https://x.example/a", {"vendor": {"other": {"id": "1", "match": "maybe"}}}, "match"),
    ],
)
def test_what_cannot_be_an_entry_is_refused_in_words(url: str, said: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        entry_of(url, KNOWN, **said)


def test_entries_are_appended_and_comments_stay(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "catalogue.toml"
    append(file, entry_of("hf:org/one", KNOWN, vendor={"other": {"id": "1"}}))
    file.write_text("# mine\n" + file.read_text("utf-8"), "utf-8")
    append(file, entry_of("hf:org/two", KNOWN))
    append(file, entry_of("hf:org/one", KNOWN, vendor={"somebody": {"id": "2"}}, trigger=["one"]))

    text = file.read_text("utf-8")
    entries = catalogue.merge([("mine", text)], ["somebody", "other"]).entries
    assert text.startswith("# mine\n")
    assert set(entries) == {"one", "two"}
    assert {name: known.id for name, known in entries["one"].vendor.items()} == {"other": "1", "somebody": "2"}
    assert entries["one"].trigger == ("one",)


def test_a_broken_file_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text("[[entry", "utf-8")
    with pytest.raises(InvalidInput, match="TOML"):
        append(file, {"name": "a", "kind": "lora"})
    assert file.read_text("utf-8") == "[[entry"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('[[address]]\nprovider = "x"', ["address[0].pattern: is required"]),
        ('[[address]]\nprovider = "x"\npattern = "("', ["address[0].pattern: must be a regular expression"]),
        ('[[address]]\nprovider = "x"\npattern = "a"', ["address[0].pattern: must have a group"]),
        ('[[entry]]\nname = "a"\nvendor = "x"', ["entry[0].vendor: must be a table"]),
        ('[[entry]]\nname = "a"\n[entry.vendor]\nx = 5', ["entry[0].vendor.x: "]),
        ('[[entry]]\nname = "a"\n[entry.vendor.x]\nid = 5', ["entry[0].vendor.x.id: must be text"]),
        ('[entry]\nname = "a"', ["entry: must be a list, not one table"]),
        (
            '[[entry]]\nname = "A b"\nfamilly = "sdxl"\nkind = "car"\nweight = "much"\n[[entry]]\n',
            [
                "entry[0].name: must be lower-case",
                "entry[0].familly: is not a field; did you mean family?",
                "entry[0].kind: must be one of",
                "entry[0].weight: must be a finite number",
                "entry[1].name: is required",
            ],
        ),
        ('[[entrys]]\nname = "a"', ["entrys: is not a field; did you mean entry?"]),
    ],
)
def test_a_catalogue_that_is_wrong_is_refused_with_every_fault_and_its_path(text: str, faults: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        catalogue.merge([("my.toml", text)])
    told = [str(fault) for fault in caught.value.faults]
    assert len(told) == len(faults)
    for fault in faults:
        assert any(one.startswith(f"my.toml: {fault}") for one in told), (fault, told)


def test_a_key_in_a_catalogue_is_refused_and_not_repeated() -> None:
    for word in ("access_key", "apiKey", "access_key_ref"):
        with pytest.raises(InvalidInput) as caught:
            catalogue.merge([("x", f'[[entry]]\nname = "a"\n[entry.vendor.x]\nid = "1"\n{word} = "canary-1"')])
        assert "env:NAME" in str(caught.value) and "canary" not in str(caught.value)


def test_a_later_layer_says_field_by_field_what_it_knows_better() -> None:
    first = '[[entry]]\nname = "a"\nkind = "lora"\nfamily = "sdxl"\nweight = {default = 0.5}'
    then = '[[entry]]\nname = "a"\ntitle = "A"\ntrigger = ["one"]\n[entry.vendor.x]\nid = "1"'
    entry = catalogue.merge([("one", first), ("two", then)]).entries["a"]
    assert (entry.kind, entry.family, entry.weight, entry.title, entry.trigger) == ("lora", "sdxl", 0.5, "A", ("one",))
    assert entry.vendor["x"].match == "same-name" and entry.layer == "two"


def test_a_plugin_whose_catalogue_is_wrong_is_named_and_left_out() -> None:
    class Plugin:
        @hookimpl
        def imagegen_catalogue(self) -> list[str]:
            return ['[[entry]]\nname = "a"\nfamilly = "sdxl"']

    class Good:
        @hookimpl
        def imagegen_catalogue(self) -> list[str]:
            return ['[[entry]]\nname = "b"']

    found = catalogue.load(load([("wrong", Plugin()), ("good", Good())]))
    assert "b" in found.entries and "a" not in found.entries
    assert found.broken[0].startswith("wrong: ") and "familly" in found.broken[0]


def test_a_catalogue_of_the_users_that_cannot_be_read_is_told_by_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    for broken in (b"\xff\xfe", b"[[entry"):
        Path("catalogue.toml").write_bytes(broken)
        assert main(["doctor", "--offline"]) == 2
        assert "catalogue.toml" in "".join(capsys.readouterr().out.split())
        assert main(["models", "list"]) == 2
        assert "catalogue.toml" in capsys.readouterr().err


def test_an_id_without_evidence_is_written_down_as_no_more_than_the_same_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "add", "--from", "hf:org/mine", "--id", "tams=600423083519508503"]) == 0
    said = capsys.readouterr()
    assert "same-name is written" in said.err + said.out
    assert 'match = "same-name"' in next(Path("config").glob("catalogue.toml")).read_text("utf-8")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://h.example/a?token=x&v=1", "https://h.example/a?v=1"),
        ("https://h.example/a?X-Amz-Date=1&X-Amz-Signature=x&Expires=5&api_key=k&AccessKey=k", "https://h.example/a"),
        ("https://h.example/a%20b?q=a+b&idempotency_key=1", "https://h.example/a%20b?q=a+b&idempotency_key=1"),
        ("hf:org/name", "hf:org/name"),
        ("https://[no?token=x", "https://[no"),
    ],
)
def test_an_address_that_is_kept_has_nothing_that_opens_or_signs_it(url: str, kept: str) -> None:
    assert without_secrets(url) == kept
