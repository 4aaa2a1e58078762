"""
How a command ends: exit codes, JSON on stdout and nothing else there, errors in words on stderr.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from imagegen.errors import ImagegenError, InvalidInput, JobFailed, NotConfigured

OK, NOTHING, BAD_INPUT, PARTLY, UNKNOWN, INTERRUPTED = 0, 1, 2, 3, 4, 130
REPORT = "This is a fault in imagegen. Set IMAGEGEN_DEBUG=1 to see where, and report it with the command you gave."


class UsageFault(InvalidInput):
    """The command line itself is wrong: an unknown flag, a missing argument."""

    def __init__(self, message: str, *, command: Sequence[str] = ()) -> None:
        super().__init__(message, hint=f"See: {' '.join(('imagegen', *command))} --help")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while jobs were under way; *lines* say what goes on and how to pick it up."""

    def __init__(self, lines: Sequence[str], jobs: Sequence[dict[str, Any]]) -> None:
        super().__init__("interrupted")
        self.lines, self.jobs = tuple(lines), tuple(jobs)


def wants_json(tokens: Sequence[str]) -> bool:
    """Return whether the caller asked for JSON (known even when the rest cannot be understood)."""
    before = tokens[: tokens.index("--")] if "--" in tokens else tokens
    return "--json" in before


def print_json(data: Any) -> None:
    """Print *data*; the only thing that a command with `--json` writes to stdout."""
    print(json.dumps(data, ensure_ascii=False, indent=2, default=str), flush=True)


def exit_code(error: BaseException) -> int:
    """Return the exit code that an error means when nothing else was made."""
    if isinstance(error, (InvalidInput, NotConfigured)):
        return BAD_INPUT
    if isinstance(error, ImagegenError) and in_doubt(error):
        return UNKNOWN
    return NOTHING


def in_doubt(error: ImagegenError) -> bool:
    """Return whether money may be gone and the job may still end well: somebody has to look."""
    over = isinstance(error, JobFailed) or error.kind in ("job_failed", "job_canceled")
    return error.kind == "outcome_unknown" or (error.charged is None and bool(error.job_id) and not over)


def exit_code_of(made: int, errors: Sequence[ImagegenError]) -> int:
    """Return the exit code of several jobs side by side; doubt about money outweighs all else."""
    codes = {exit_code(error) for error in errors}
    if not codes:
        return OK
    if UNKNOWN in codes:
        return UNKNOWN
    if made:
        return PARTLY
    return BAD_INPUT if codes == {BAD_INPUT} else NOTHING


def tell(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong and return the exit code."""
    if os.environ.get("IMAGEGEN_DEBUG"):
        import traceback

        traceback.print_exception(error)
    report = error.as_dict() if isinstance(error, ImagegenError) else _unexpected(error)
    if as_json:
        print_json({"error": report})
    elif isinstance(error, ImagegenError):
        complain_of(error)
    else:
        complain(f"unexpected {report['message']}. {REPORT}")
    return exit_code(error)


def _unexpected(error: Exception) -> dict[str, Any]:
    text = " ".join(str(error).split())[:300]
    return {"kind": "internal_error", "message": f"{type(error).__name__}: {text}", "hint": REPORT}


def tell_interrupt(stop: KeyboardInterrupt, *, as_json: bool) -> int:
    """Say what goes on after a Ctrl-C."""
    lines = stop.lines if isinstance(stop, Interrupted) else ()
    jobs = list(stop.jobs) if isinstance(stop, Interrupted) else []
    if as_json:
        print_json({"error": {"kind": "interrupted", "message": "interrupted", "jobs": jobs}})
    print("\nInterrupted.", *lines, sep="\n", file=sys.stderr)
    return INTERRUPTED


def complain(text: str) -> None:
    """Write an error to stderr, its first word in red on a terminal."""
    from .render import console

    console(stderr=True).print("[bold red]Error:[/]", end=" ")
    print(text, file=sys.stderr)


def complain_of(error: ImagegenError) -> None:
    """Write an error of ours to stderr, what a person can do next on a line of its own."""
    text = str(error)
    complain(text.removesuffix(error.hint).rstrip() if error.hint else text)
    if error.hint:
        remark(f"       {error.hint}")


def remark(text: str) -> None:
    """Write a line for a person to stderr."""
    print(text, file=sys.stderr)
