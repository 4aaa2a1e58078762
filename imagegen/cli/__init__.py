"""
The command line: one file per command, loaded when it is used.

A command is a function (or a cyclopts `App` for a group of them) in a file of this folder and one line in `COMMANDS`.
It returns an exit code (None = all well), prints results through `output.py` and `render.py`, and lets every
`ImagegenError` through: `main` says it, in words or as JSON, and turns it into an exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclopts import App

MAKE, LOOK, KEEP, SET = GROUPS = ("Make", "Look before you pay", "Jobs and money", "Set up")

# name, where it is, one line for `imagegen --help`, group
COMMANDS: tuple[tuple[str, str, str, str], ...] = (
    ("generate", "generate:command", "Make pictures, at one provider or at several side by side.", MAKE),
    ("route", "route:command", "Make a picture at the best of several providers, else at the next one.", MAKE),
    ("video", "video:command", "Make a short video from words, or from a first and last picture.", MAKE),
    ("grid", "grid:command", "Make every combination of two fields or providers, as one sheet.", MAKE),
    ("load-model", "load_model:command", "Bring a model from an address to a provider.", MAKE),
    ("workflow", "workflow:app", "Run or check a ComfyUI graph.", MAKE),
    ("template", "template:app", "Show, check or run a provider's workflow template.", MAKE),
    ("interrogate", "interrogate:command", "Ask what a picture shows, as words for a prompt.", MAKE),
    ("detect", "detect:command", "Make a ControlNet guide (pose, edges, depth) from a picture.", MAKE),
    ("rerun", "rerun:command", "Make a picture again from what its file says, at any provider.", MAKE),
    ("inspect", "inspect:command", "Say what a picture was made from, as a request.", LOOK),
    ("plan", "plan:command", "Show what would be sent, and what would come out differently.", LOOK),
    ("quote", "quote:command", "Say what it would cost.", LOOK),
    ("compare", "compare:command", "Compare providers: price, speed, likeness; --run makes it everywhere.", LOOK),
    ("samplers", "samplers:command", "Show what samplers are called everywhere.", LOOK),
    ("models", "models:app", "List models, show one, or resolve a reference.", LOOK),
    ("jobs", "jobs:app", "List, show, watch, cancel, resolve, export or prune jobs.", KEEP),
    ("reconcile", "reconcile:command", "Pick up what a crash or a Ctrl-C left behind.", KEEP),
    ("costs", "costs:command", "Show what was estimated and what was billed.", KEEP),
    ("budget", "budget:app", "Set, show or remove limits on spending.", KEEP),
    ("prices", "prices:app", "Show the price book, or say what you pay.", KEEP),
    ("providers", "providers:app", "List the installed providers, or show one.", SET),
    ("config", "config:command", "Show the settings in force and where they come from.", SET),
    ("doctor", "doctor:command", "Check keys, hosts, clock, versions and the ledger, free of charge.", SET),
    ("record", "record:command", "Record one run as a cassette for the tests, without the key.", SET),
    ("emulate", "emulate:command", "Serve every provider's emulator on this machine.", SET),
)

_HELP = """
Ask for a picture once, in neutral words, and have any image vendor make it.

Try it without a key (imagegen providers lists the names):
  imagegen generate "a lighthouse at dusk" --emulated --provider NAME

Every command takes --help and --json.  Exit codes: 0 all well, 1 nothing
made, 2 bad input or not configured, 3 partly made, 4 outcome unknown,
130 interrupted.
"""


def build() -> App:
    """Return the group; commands are imported when they are used."""
    from cyclopts import App, Group, Parameter

    from imagegen import __version__

    groups = {name: Group(name, sort_key=number) for number, name in enumerate(GROUPS)}

    app = App(
        name="imagegen",
        help=_HELP,
        help_format="plaintext",
        version=__version__,
        default_parameter=Parameter(negative=(), show_default=False),
        group_commands=Group("Help", sort_key=len(GROUPS)),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        exit_on_error=False,
        print_error=False,
    )
    for name, where, words, group in COMMANDS:
        app.command(f"imagegen.cli.{where}", name=name, help=words, group=groups[group])
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; no `ImagegenError` leaves as a traceback."""
    from . import output

    output.open_streams()
    try:
        return _told(output.take_json_first(sys.argv[1:] if argv is None else argv))
    finally:
        output.flush_streams()


def _told(tokens: list[str]) -> int:
    """Run a command; whatever goes wrong is said, and has a code."""
    from . import output

    as_json = output.wants_json(tokens)
    try:
        return _run(tokens)
    except KeyboardInterrupt as stop:
        return output.tell_interrupt(stop, as_json=as_json)
    except BrokenPipeError:  # `imagegen ... | head`: nobody listens any more
        output.close_stdout()
        return output.NOTHING
    except Exception as error:
        return output.tell(error, as_json=as_json)


def _run(tokens: list[str]) -> int:
    from cyclopts import CycloptsError

    from imagegen.parts import is_text

    from .output import UsageFault

    for token in tokens:
        if not is_text(token):
            raise UsageFault(f"The argument {token!a} is no text: its bytes are not UTF-8.")
    app = build()
    _let_plugins_in(app, tokens)
    _let_docstring_speak(app, tokens)
    try:
        code = app(tokens)
    except CycloptsError as fault:
        raise UsageFault(str(fault), command=fault.command_chain or ()) from None
    sys.stdout.flush()
    return int(code or 0)


def _let_docstring_speak(app: App, tokens: list[str]) -> None:
    """A command's own help is its docstring; the line in `COMMANDS` is for the list of all."""
    for name, where, *_ in COMMANDS:
        if name in tokens[:1] and where.endswith(":command"):
            app[name].help = None


def _let_plugins_in(app: App, tokens: list[str]) -> None:
    """Plugins may bring commands; they are asked only when the command is not one of ours (finding them takes time)."""
    first = next((token for token in tokens if not token.startswith("-")), None)
    if first in {name for name, *_ in COMMANDS} or "--version" in tokens:
        return
    from imagegen.plugins import installed

    for impl in installed().manager.hook.imagegen_commands.get_hookimpls():
        try:
            impl.function(app)
        except Exception as error:
            print(f"Plugin {impl.plugin_name} could not add its commands: {error}", file=sys.stderr)
