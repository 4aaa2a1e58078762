"""Prompts: A1111 weights as spans, and the same spans in other engines' words."""

import contextlib
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.prompts import Span, constructs, extract_loras, parse, to_a1111, to_comfy, to_plain

PROMPTS = st.text(alphabet=st.sampled_from("ab ():[]|\\.,019+-<>\nBREAK AND"), max_size=60) | st.text()


def comfy_weights(text):
    """ComfyUI's own reading, from `comfy/sd1_clip.py` (token_weights, escape_important), for comparison."""

    def weights(string, current):
        out = []
        for item in split(string):
            weight = current
            if len(item) >= 2 and item[-1] == ")" and item[0] == "(":
                item = item[1:-1]
                weight *= 1.1
                at = item.rfind(":")
                if at > 0:
                    with contextlib.suppress(ValueError):
                        weight, item = float(item[at + 1 :]), item[:at]
                out += weights(item, weight)
            else:
                out.append((item, current))
        return out

    def split(string):
        result, item, depth = [], "", 0
        for char in string:
            if char == "(":
                if depth == 0:
                    if item:
                        result.append(item)
                    item = "("
                else:
                    item += char
                depth += 1
            elif char == ")":
                depth -= 1
                item += char
                if depth == 0:
                    result.append(item)
                    item = ""
            else:
                item += char
        return result + ([item] if item else [])

    text = text.replace("\\)", "\0\1").replace("\\(", "\0\2")
    return [(part.replace("\0\1", ")").replace("\0\2", "("), weight) for part, weight in weights(text, 1.0)]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", []),
        ("a cat, 8k: sharp", [("a cat, 8k: sharp", 1)]),
        ("a (red) cat", [("a ", 1), ("red", 1.1), (" cat", 1)]),
        ("a ((red)) cat", [("a ", 1), ("red", 1.21), (" cat", 1)]),
        ("(red:1.3)", [("red", 1.3)]),
        ("(a (b:1.5) c:2)", [("a ", 2), ("b", 3), (" c", 2)]),
        ("[dull]", [("dull", 0.909091)]),
        (r"\(literal\) \[x\] \\", [(r"(literal) [x] " + "\\", 1)]),
        (r"C:\path", [(r"C:\path", 1)]),
        ("(open", [("open", 1.1)]),
        ("closed)", [("closed)", 1)]),
        ("(a: 1.2 )", [("a", 1.2)]),
        ("(a:1.2.3)", [("a:1.2.3", 1.1)]),
        ("(negative:-0.5)", [("negative", -0.5)]),
        ("(x:0)", [("x", 0)]),
        ("a BREAK b AND c", [("a BREAK b AND c", 1)]),
    ],
)
def test_weights_read_as_in_a1111(text, spans):
    assert [(span.text, span.weight) for span in parse(text)] == spans


def test_scheduling_and_alternation_are_kept_verbatim_with_the_weight_around_them():
    assert parse("(a [cat:dog:0.5]:1.2) [x|(y:2)] [b:10] [soft]") == (
        Span("a ", 1.2),
        Span("[cat:dog:0.5]", 1.2, verbatim=True),
        Span(" "),
        Span("[x|(y:2)]", verbatim=True),
        Span(" "),
        Span("[b:10]", verbatim=True),
        Span(" "),
        Span("soft", 0.909091),
    )


def test_comfy_gets_one_explicit_number_and_escaped_parentheses():
    assert to_comfy(parse(r"(a (b:1.5) c:2) [d] ((e)) \(f\)")) == (r"(a :2)(b:3)( c:2) (d:0.909) (e:1.21) \(f\)")


def test_a_backslash_before_a_weight_does_not_escape_it_in_comfy():
    text = to_comfy(parse(r"a\\(b:2)"))

    assert comfy_weights(text) == [("a\\", 1.0), ("b", 2.0)]


def test_an_empty_span_is_not_written():
    assert to_comfy([Span("", 2), Span("a")]) == to_a1111([Span("", 2), Span("a")]) == "a"


def test_plain_engines_get_the_words_and_the_caller_hears_of_the_loss():
    assert to_plain(parse("a (red:1.3) cat")) == ("a red cat", True)
    assert to_plain(parse(r"a \(red\) cat")) == ("a (red) cat", False)
    assert to_plain(parse("a [b|c]")) == ("a [b|c]", True)


def test_loras_are_taken_out_in_order_with_both_weights():
    prompt = "a <lora:film:0.6> cat <lora:x:te=0.5:unet=1.2:dyn=3><lora:y><lora:z:1:-0.5>, <hypernet:h:1>"

    assert extract_loras(prompt) == (
        "a  cat , <hypernet:h:1>",
        (("film", 0.6, 0.6), ("x", 0.5, 1.2), ("y", 1.0, 1.0), ("z", 1.0, -0.5)),
    )


@pytest.mark.parametrize("tag", ["<lora:>", "<lora::1>", "<lora:a:b>", "<lora:a:nan>", "<lora:a:te=>"])
def test_a_broken_lora_tag_is_refused(tag):
    with pytest.raises(ValueError, match="<lora:"):
        extract_loras(f"a {tag}")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a (b:1.2), c", set()),
        ("a BREAK b", {"BREAK"}),
        ("a AND b", {"AND"}),
        ("[a]", {"de-emphasis"}),
        (r"\[a\]", set()),
        ("[a:b:0.5]", {"scheduling"}),
        ("[a|b]", {"alternation"}),
        ("[a [b|c] d]", {"de-emphasis", "alternation"}),
        ("a++ and (b)--, c", {"++"}),
        ("BREAKING HAND-- made", {"++"}),
    ],
)
def test_constructs_that_some_engines_lack_are_named(text, names):
    assert constructs(text) == names


def test_thousands_of_nested_brackets_stay_finite_and_quick():
    (span,) = parse("(" * 20_000 + "a")
    assert math.isfinite(span.weight)
    parse("[" * 20_000 + "a" + "]" * 20_000)
    parse("(a:" + "9" * 4000 + ")")


@given(PROMPTS)
def test_writing_for_a1111_reads_back_as_the_same_spans(text):
    spans = parse(text)

    assert parse(to_a1111(spans)) == spans


@given(st.text())
def test_text_without_brackets_and_backslashes_is_untouched(text):
    plain = re.sub(r"[()\[\]\\]", "", text)

    assert "".join(span.text for span in parse(plain)) == plain
    assert to_a1111(parse(plain)) == to_comfy(parse(plain)) == plain
    assert to_plain(parse(plain)) == (plain, False)


@given(PROMPTS.map(lambda text: text.replace("\0", "")))
def test_comfy_reads_the_same_words_with_the_same_weights(text):
    spans = parse(text)
    read = comfy_weights(to_comfy(spans))

    assert "".join(part for part, _ in read) == "".join(span.text for span in spans)
    expected = [round(span.weight, 3) for span in spans for _ in span.text]
    assert [weight for part, weight in read for _ in part] == expected


@given(st.text())
def test_constructs_are_named_for_any_text(text):
    assert constructs(text) <= {"BREAK", "AND", "de-emphasis", "scheduling", "alternation", "++"}
