"""`imagegen workflow run|check`: a ComfyUI graph in API format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from imagegen.errors import Fault, InvalidInput
from imagegen.parts import read
from imagegen.request import WorkflowRequest

from .checking import check as check_request
from .making import make, report
from .options import AskFlags, Json, RunFlags

app = App(name="workflow", help="Run or check a ComfyUI graph.")

Graph = Annotated[Path, Parameter(help="A ComfyUI graph in API format (Export, API).", metavar="FILE")]
Seed = Annotated[str | None, Parameter(help="Put into every node that takes a seed.", metavar="N")]
Offline = Annotated[bool, Parameter(help="Do not ask the vendor's own free check.")]


@app.command
def run(
    file: Graph,
    /,
    *,
    seed: Seed = None,
    flags: RunFlags = RunFlags(),
    as_json: Json = False,
) -> int:
    """Run a ComfyUI graph."""
    return report(make(read_graph(file, seed), flags, quiet=as_json), as_json=as_json)


@app.command
def check(
    file: Graph,
    /,
    *,
    seed: Seed = None,
    offline: Offline = False,
    flags: AskFlags = AskFlags(),
    as_json: Json = False,
) -> int:
    """Check a graph: links, nodes, price.  Free of charge."""
    return check_request(read_graph(file, seed), flags, offline=offline, as_json=as_json)


def read_graph(file: Path, seed: str | None) -> WorkflowRequest:
    """Read a graph file; the envelope that ComfyUI's own API takes (`{"prompt": {...}}`) is opened."""
    try:
        data = json.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read {file}: {error}") from None
    except ValueError as error:
        raise InvalidInput(f"{file} is not JSON: {error}") from None
    if isinstance(data, Mapping) and isinstance(data.get("prompt"), Mapping):
        data = data["prompt"]
    if isinstance(data, Mapping) and isinstance(data.get("nodes"), list):
        reason = "is a graph as ComfyUI's editor saves it; export it in API format"
        raise InvalidInput([Fault(str(file), reason)])
    words: dict[str, Any] = {"graph": data} | ({} if seed is None else {"seed": seed})
    return read(WorkflowRequest, words)
