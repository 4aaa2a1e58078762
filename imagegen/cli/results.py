"""How a finished job reads: its files, what came out differently, what it cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .render import cost_text, exact_line, heading, indented, notes_list, plain, pretty_json, whole

if TYPE_CHECKING:
    from rich.console import RenderableType

    from imagegen.result import Image, Result


def result_view(result: Result, *, all_notes: bool = False) -> list[RenderableType]:
    """Return one finished job."""
    seconds = sum(result.seconds.values())
    view: list[RenderableType] = [heading(result.provider, f"job {result.job_id}, {seconds:.1f} s")]
    view += [indented(_file_line(image)) for image in (*result.images, *result.videos)]
    if result.data is not None and (text := data_text(result.data)):
        view.append(indented(plain(text)))
    view.append(indented(notes_list(result.notes)))
    if all_notes:
        view.append(indented(exact_line(result.notes)))
    view += [indented(plain(f"cost: {cost_text(result.cost)}", "dim")), plain("")]
    return view


def _file_line(image: Image) -> RenderableType:
    seed = "seed not reported" if image.seed is None else f"seed {image.seed}"
    line = whole("").append(near(image.path), "bold cyan")
    return line.append(f"  {image.width}x{image.height}, {seed}")


def near(path: Path) -> str:
    """Return a path as a person here would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def data_text(data: Any) -> str:
    """Return what a job answered in words."""
    if isinstance(data, str):
        return data
    if isinstance(data, list) and all(isinstance(item, str) for item in data):
        return "\n".join(data)
    if isinstance(data, dict) and len(data) == 1:
        return data_text(next(iter(data.values())))
    return pretty_json(data) if data else ""
