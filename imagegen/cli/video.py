"""`imagegen video`: a short video, from words, from a first and last picture, or after a guide."""

from __future__ import annotations

from typing import Annotated, Any

from attrs import frozen
from cyclopts import Group, Parameter

from imagegen.errors import Fault, ImagegenError, InvalidInput
from imagegen.request import VideoRequest, read_size

from .making import Made, make, report
from .options import (
    INPUTS,
    MODELS,
    OUTPUT,
    AllNotes,
    Form,
    Json,
    Label,
    Option,
    RunFlags,
    Subject,
    Unsupported,
    Weighted,
    base_words,
    deep,
    own_words,
    read_loras,
)
from .plan import show_plans

VIDEO = Group("The video", sort_key=1)


def _flag(help: str, group: Group, metavar: str, name: tuple[str, ...] | None = None) -> Parameter:
    return Parameter(name=name, help=help, group=group, metavar=metavar, allow_leading_hyphen=True)


@Parameter(name="*")
@frozen(kw_only=True)
class VideoFlags:
    """What is to be made; each flag overrides the file's word."""

    negative: Annotated[str | None, _flag("What must not be seen.", VIDEO, "TEXT")] = None
    size: Annotated[str | None, _flag("Pixels.", VIDEO, "WxH")] = None
    frames: Annotated[str | None, _flag("How many in all. Default: 30.", VIDEO, "N")] = None
    fps: Annotated[str | None, _flag("Frames per second. Default: 8.", VIDEO, "N")] = None
    fast: Annotated[bool, Parameter(help="The vendor's faster way, where it has one.", group=VIDEO)] = False
    model: Annotated[str | None, _flag("@alias, provider:id, or an id.", MODELS, "REF")] = None
    lora: Weighted = ()
    start_image: Annotated[
        str | None, _flag("It begins with this picture.", INPUTS, "FILE|URL", name=("--start-image", "--init-image"))
    ] = None
    end_image: Annotated[str | None, _flag("It ends with this picture.", INPUTS, "FILE|URL")] = None
    control_video: Annotated[str | None, _flag("A video that guides it.", INPUTS, "REF|URL")] = None
    control_module: Annotated[str | None, _flag("What is taken from the guide.", INPUTS, "NAME")] = None
    on_unsupported: Unsupported = None
    option: Option = ()
    label: Label = ()


def command(
    subject: Subject,
    /,
    *,
    flags: VideoFlags = VideoFlags(),
    run: RunFlags = RunFlags(),
    plan: Annotated[
        bool, Parameter(help="Only show what would be sent and what it costs; nothing is sent.", group=OUTPUT)
    ] = False,
    notes: AllNotes = False,
    form: Form = None,
    as_json: Json = False,
) -> int:
    """
    Make a short video from a prompt, or from a file that holds the request.

    --plan shows what would be sent, what comes out differently, and the price, without sending it.
    """
    if plan:
        return show_plans(read_video(subject, flags), run, form=form, as_json=as_json)
    try:
        made = make(read_video(subject, flags), run, quiet=as_json, form=form)
    except ImagegenError as error:
        if not as_json:
            raise
        made = Made(results=(), errors=(error,))
    return report(made, as_json=as_json, all_notes=notes)


def read_video(subject: str, flags: VideoFlags) -> VideoRequest:
    """Build the request of a command line; one `InvalidInput` lists every fault."""
    base, faults = base_words(subject, VideoRequest), list[Fault]()
    given = _given(flags, faults)
    for table in ("provider_options", "labels"):
        if table in given:
            given[table] = deep(base.get(table, {}), given[table])
    try:
        request = VideoRequest.from_dict({**base, **given})
    except InvalidInput as error:
        raise InvalidInput([*error.faults, *faults], what="the request") from None
    if faults:
        raise InvalidInput(faults, what="the request")
    return request


def _given(flags: VideoFlags, faults: list[Fault]) -> dict[str, Any]:
    """Return the flags that were given, as a request's words; what cannot be read goes to *faults*."""
    words: dict[str, Any] = {name: getattr(flags, name) for name in _AS_SAID}
    words |= {"negative_prompt": flags.negative, "fast": flags.fast or None}
    if flags.size is not None:
        try:
            words["width"], words["height"] = read_size(flags.size)
        except InvalidInput as error:
            faults += error.faults
    if flags.lora:
        words["loras"] = read_loras(faults, flags.lora)
    words |= own_words(faults, flags.option, flags.label)
    return {name: value for name, value in words.items() if value is not None}


_AS_SAID = ("frames", "fps", "model", "start_image", "end_image", "control_video", "control_module", "on_unsupported")
