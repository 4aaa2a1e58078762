"""
Prompt dialects: what A1111's prompt syntax becomes where another engine, or nobody knows what, reads it.

`lift_loras` takes `<lora:name:0.8>` out of a prompt into the request's stack, where every vendor can be told of it.
`say` renders a prompt for a vendor's dialect and writes the note on it; provider packages call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from . import prompts
from .catalogue import Catalogue
from .errors import Fault, InvalidInput
from .plans import Note, Notebook
from .request import GenerationRequest, Lora

__all__ = ["Dialect", "lift_loras", "lifted", "say"]

Dialect = Literal["a1111", "comfy", "plain", "unverified"]
"""`a1111`: read as A1111 reads it.  `comfy`: ComfyUI's weights, no programs.  `plain`: every bracket is text.
`unverified`: the vendor's examples use A1111's weights, and no document says what else is understood."""

# What A1111 itself has a meaning for; "++" is compel's and means nothing there.
_A1111_ONLY: Mapping[str, str] = {
    "BREAK": "BREAK (a new chunk of the prompt)",
    "AND": "AND (composition)",
    "scheduling": "[a:b:0.5] (scheduling)",
    "alternation": "[a|b] (alternation)",
}


# --- LoRAs in the prompt -----------------------------------------------------------------------------------------


def lift_loras(request: GenerationRequest, catalogue: Catalogue | None = None) -> GenerationRequest:
    """
    Return *request* with the `<lora:...>` tags of its prompt as LoRAs at the end of the stack.

    A tag's name is a reference like any other; the bare name of a catalogue entry is that entry.
    """
    if "<lora:" not in request.prompt:
        return request
    try:
        rest, tags = prompts.extract_loras(request.prompt)
    except ValueError as error:
        raise InvalidInput([Fault("prompt", str(error))]) from None
    if not rest.strip():
        raise InvalidInput([Fault("prompt", "holds nothing but <lora:...> tags")])
    lifted = tuple(Lora(_reference(name, catalogue), unet, None if clip == unet else clip) for name, clip, unet in tags)
    return request.evolve(prompt=rest, loras=(*request.loras, *lifted))


def _reference(name: str, catalogue: Catalogue | None) -> str:
    entry = catalogue.find(name) if catalogue is not None else None
    return f"@{entry.name}" if entry is not None and entry.kind == "lora" else name


def lifted(note: Note, asked: str) -> Note:
    """Return the note on a prompt whose tags were lifted: what was asked is the text with them."""
    if note.status not in ("exact", "adjusted"):
        return attrs.evolve(note, requested=asked)
    reason = "<lora:...> tags became LoRAs of the stack"
    reason = f"{reason}; {note.reason}" if note.reason else reason
    return attrs.evolve(note, status="adjusted", requested=asked, reason=reason, code=note.code or "loras_lifted")


# --- saying it ---------------------------------------------------------------------------------------------------


def say(book: Notebook, path: str, text: str, dialect: Dialect, vendor_field: str) -> str:
    """Return *text* as *dialect* writes it, with the note on *path*: what has no meaning there is named."""
    sent = _said(text, dialect)
    used = prompts.constructs(text)
    strange = [words for name, words in _A1111_ONLY.items() if name in used]
    lost = dialect == "plain" and prompts.to_plain(prompts.parse(text))[1]
    if dialect != "a1111" and (strange or lost):
        book.approximated(path, sent, vendor_field, _reason(strange, lost, dialect), "prompt_syntax")
    elif sent != text:
        book.adjusted(path, sent, vendor_field, "the same words and weights as this engine writes them", "rendered")
    else:
        bracketed = dialect == "unverified" and ("(" in text or "[" in text)
        weighted = bracketed and any(span.weight != 1 for span in prompts.parse(text))
        reason = "weights as in the vendor's own examples; how they act is not documented" if weighted else ""
        book.exact(path, vendor_field, sent, reason=reason)
    return sent


def _said(text: str, dialect: Dialect) -> str:
    match dialect:
        case "comfy":
            return prompts.to_comfy(prompts.parse(text))
        case "plain":
            return prompts.to_plain(prompts.parse(text))[0]
    return text


def _reason(strange: list[str], lost: bool, dialect: Dialect) -> str:
    missing = [*strange, *(["weights"] if lost and not strange else [])]
    if dialect == "unverified":
        return f"whether this vendor understands {', '.join(missing)} is not documented"
    return f"{', '.join(missing)}: no meaning here"
