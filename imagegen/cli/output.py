"""
How a command ends: exit codes, JSON on stdout and nothing else there, errors in words on stderr.

What a command did is never lost because of where it is told: a stream that is closed, full, or without a letter for
an arrow, ends no job and hides no picture.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from imagegen.errors import ImagegenError, InvalidInput, JobFailed, Kind, NotConfigured

OK, NOTHING, BAD_INPUT, PARTLY, UNKNOWN, INTERRUPTED = 0, 1, 2, 3, 4, 130
REPORT = "This is a fault in imagegen. Set IMAGEGEN_DEBUG=1 to see where, and report it with the command you gave."


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)  # what a stream may answer to a write


class UsageFault(InvalidInput):
    """The command line itself is wrong: an unknown flag, a missing argument."""

    def __init__(self, message: str, *, command: Sequence[str] = ()) -> None:
        super().__init__(message, hint=f"See: {' '.join(('imagegen', *command))} --help")


class Unwritten(ImagegenError):
    """Everything was made and kept; a file or a stream that tells of it could not be written."""

    kind: Kind = "storage_failed"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while jobs were under way; *lines* say what goes on and how to pick it up."""

    def __init__(self, lines: Sequence[str], jobs: Sequence[dict[str, Any]]) -> None:
        super().__init__("interrupted")
        self.lines, self.jobs = tuple(lines), tuple(jobs)


def wants_json(tokens: Sequence[str]) -> bool:
    """Return whether the caller asked for JSON (known even when the rest cannot be understood)."""
    before = tokens[: tokens.index("--")] if "--" in tokens else tokens
    return "--json" in before


def take_json_first(tokens: Sequence[str]) -> list[str]:
    """Move a `--json` that stands before the command, or before a group's command, behind it, where it is read."""
    early = [place for place, word in enumerate(tokens[:2]) if word == "--json"]
    if not early or len(tokens) == len(early):
        return list(tokens)
    rest = [word for place, word in enumerate(tokens) if place not in early]
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], "--json", *rest[end:]]


# --- streams and files -------------------------------------------------------------------------------------------


def open_streams() -> None:
    """Make stdout and stderr take whatever is written: a closed one swallows it, a letter it lacks becomes `?`."""
    if sys.stdin is None:  # `<&-`: nobody can be asked
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  # for good
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:  # closed by the shell (`>&-`); a file opened later must not become it
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # for good
        elif getattr(stream, "errors", "") == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def close_stdout() -> None:
    """Let what is still to be written to stdout vanish: its reader is gone, or its disk is full."""
    _let_vanish(sys.stdout)


def flush_streams() -> None:
    """Write what is left; a stream that takes no more must not change the exit code when the interpreter ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _let_vanish(stream)


def _let_vanish(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def write_file(file: Path, data: bytes) -> None:
    """Write *file* whole; `Unwritten` names it where that cannot be done."""
    from imagegen.downloads import write_durably

    try:
        write_durably(file, data)
    except OSError as error:
        raise Unwritten(f"{file} cannot be written: {error.strerror or error}.") from None


def check_place(file: Path) -> None:
    """Raise `InvalidInput` when *file* could not be written, before anything is paid that it should tell of."""
    there = next((one for one in file.absolute().parents if one.exists()), file)
    try:
        with tempfile.TemporaryFile(dir=there):
            return
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror or error}.") from None


def json_text(data: Any, *, indent: int | None = None) -> str:
    """Return JSON that stdout can carry without loss: in an encoding without some letter, all are escaped."""
    text = json.dumps(data, ensure_ascii=False, indent=indent, default=str)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(data, indent=indent, default=str)
    return text


def print_json(data: Any) -> None:
    """Print *data*; the only thing that a command with `--json` writes to stdout."""
    print(json_text(data, indent=2), flush=True)


# --- exit codes --------------------------------------------------------------------------------------------------


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
    return error.charged is None and (error.kind == "outcome_unknown" or (bool(error.job_id) and not over))


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


# --- endings -----------------------------------------------------------------------------------------------------


def end(say: Callable[[], None], made: int, errors: Sequence[ImagegenError]) -> int:
    """Print what came of it with *say* and return the exit code; what is made stays made where stdout takes no more."""
    try:
        say()
        sys.stdout.flush()
    except BrokenPipeError:  # `imagegen ... | head`: nobody listens any more
        close_stdout()
    except OSError as error:
        close_stdout()
        lost = _of_machine(error)
        complain_of(lost)
        return exit_code_of(made, [*errors, lost])
    return exit_code_of(made, errors)


def tell(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong and return the exit code."""
    if os.environ.get("IMAGEGEN_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, OSError) and (error.filename or error.errno in _FULL):
        error = _of_machine(error)
    report = error.as_dict() if isinstance(error, ImagegenError) else _unexpected(error)
    if as_json and _print_error(report):
        return exit_code(error)
    if isinstance(error, ImagegenError):
        complain_of(error)
    else:
        complain(f"unexpected {report['message']}. {REPORT}")
    return exit_code(error)


def _of_machine(error: OSError) -> ImagegenError:
    """A file, a folder or a stream of this machine said no; that is no fault of ours, and its path is what helps."""
    reason = error.strerror or f"{type(error).__name__}: {error}"
    return Unwritten(f"{error.filename}: {reason}." if error.filename else f"cannot write the output: {reason}.")


def _print_error(report: Mapping[str, Any]) -> bool:
    """Return whether stdout took it."""
    try:
        print_json({"error": report})
    except OSError:
        close_stdout()
        return False
    return True


def _unexpected(error: Exception) -> dict[str, Any]:
    text = " ".join(str(error).split())[:300]
    return {"kind": "internal_error", "message": f"{type(error).__name__}: {text}", "hint": REPORT}


def tell_interrupt(stop: KeyboardInterrupt, *, as_json: bool) -> int:
    """Say what goes on after a Ctrl-C."""
    lines = stop.lines if isinstance(stop, Interrupted) else ()
    jobs = list(stop.jobs) if isinstance(stop, Interrupted) else []
    if as_json:
        _print_error({"kind": "interrupted", "message": "interrupted", "jobs": jobs})
    remark("\n".join(("\nInterrupted.", *lines)))
    return INTERRUPTED


def complain(text: str) -> None:
    """Write an error to stderr, its first word in red on a terminal."""
    from .render import console

    with contextlib.suppress(OSError):
        console(stderr=True).print("[bold red]Error:[/]", end=" ")
    remark(text)


def complain_of(error: ImagegenError) -> None:
    """Write an error of ours to stderr, what a person can do next on a line of its own."""
    text = str(error)
    complain(text.removesuffix(error.hint).rstrip() if error.hint else text)
    if error.hint:
        remark(f"       {error.hint}")


def remark(text: str) -> None:
    """Write a line for a person to stderr, in one piece, as threads speak at once; no job ends because nobody hears."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
