"""The rules of the house that a machine can check, so that reviews can be about something else."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import imagegen
from imagegen import errors, hookspecs, plugins, shells

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "imagegen").rglob("*.py"))
PACKAGES = ["imagegen", "imagegen_tams", "imagegen_modelslab", "imagegen_stablediffusionapi"]
PROVIDERS = {name: sorted((ROOT / "providers" / name).rglob("*.py")) for name in PACKAGES[1:]}
EVERYTHING = [*CORE, *itertools.chain.from_iterable(PROVIDERS.values())]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return found


def test_the_core_names_no_vendor():
    vendor = re.compile(r"\btams|tensor\.art|tensorart|modelslab|stablediffusionapi", re.IGNORECASE)
    data = [*CORE, *(ROOT / "imagegen" / "data").iterdir()]
    named = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in data
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if vendor.search(line) and not vendor_in_a_fact(path)
    ]
    assert named == []


def vendor_in_a_fact(path: Path) -> bool:
    """The sources of facts may say whose page they are from."""
    return path.suffix in (".csv", ".json")


# Settings of providers that mean the same everywhere, and ordinary words that a vendor uses as one.
NEUTRAL_SETTINGS = {"api_key", "base_url", "model", "on_unknown", "usd_per_image", "webhook"}
ORDINARY_WORDS = {"base64", "plan"}


def test_the_core_knows_no_setting_that_is_a_vendors_own():
    providers = plugins.installed().providers.values()
    own = {setting.name for provider in providers for setting in provider.settings} - NEUTRAL_SETTINGS - ORDINARY_WORDS
    known = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {word}"
        for path in CORE
        for node in ast.walk(ast.parse(path.read_text()))
        if (word := said(node)) in own
    ]
    assert "app_id" in own
    assert known == []


def said(node: ast.AST) -> object:
    """Return the text of a string or the name of an attribute; None for everything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else getattr(node, "attr", None)


def test_httpx_is_imported_in_at_most_two_modules():
    users = [path for path in EVERYTHING if any(n.split(".")[0] == "httpx" for n in imports(path))]
    assert [path.name for path in users] == ["transport.py"]


def core_modules(path: Path) -> set[str]:
    """Return the modules of the core that a file imports, at its top or in a function: `imagegen.emulator.draw`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if f"{alias.name}.".startswith("imagegen.")}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and f"{node.module}.".startswith("imagegen."):
            found |= {
                whole if is_module(whole := f"{node.module}.{alias.name}") else node.module for alias in node.names
            }
    return found


def is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").exists() or (place / "__init__.py").exists()


def test_providers_import_only_what_the_page_for_plugin_authors_names():
    page = (ROOT / "docs" / "providers.md").read_text("utf-8")
    offered = set(re.findall(r"^\| `(imagegen[\w.]*)` \|", page, re.MULTILINE))
    acme = (ROOT / "examples" / "imagegen-acme").rglob("*.py")
    files = [*itertools.chain.from_iterable(PROVIDERS.values()), *acme]
    used = {path.relative_to(ROOT): core_modules(path) for path in files}

    assert all(is_module(name) for name in offered)
    assert {str(path): names - offered for path, names in used.items() if names - offered} == {}


def test_a_provider_uses_only_the_rooms_that_its_sibling_offers():
    offered = set(re.findall(r"`(\w+)", importlib.import_module("imagegen_modelslab").__doc__))
    packages = {name: {used for path in files for used in imports(path)} for name, files in PROVIDERS.items()}
    others = {
        (name, used)
        for name, modules in packages.items()
        for used in modules
        if used.split(".")[0] in {*PROVIDERS} - {name}
    }
    assert {name for name, _ in others} <= {"imagegen_stablediffusionapi"}
    assert {used.split(".")[0] for _, used in others} <= {"imagegen_modelslab"}
    assert {used.split(".")[1] for _, used in others if "." in used} <= offered


def test_both_shells_are_the_same():
    def plain(cls: type) -> str:
        source = inspect.getsource(cls)
        source = source.replace("async def", "def").replace("await ", "").replace("AsyncShell", "Shell")
        return re.sub(r'""".*?"""', "", source.replace("ado(", "do("), flags=re.DOTALL)

    assert plain(shells.AsyncShell) == plain(shells.Shell)


def test_only_the_shells_the_clients_and_the_doors_await():
    """What decides (the engine, the work, the router, providers) is generators, which either shell can drive."""
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    waiting = {path for path in EVERYTHING for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, waits)}
    shells_and_clients = {"client/awaiting.py", "shells.py", "transport.py"}
    doors = {"webhooks.py", "emulator/asgi.py"}
    assert {str(path.relative_to(ROOT / "imagegen")) for path in waiting} == shells_and_clients | doors


def test_what_awaits_in_a_client_or_shell_asks_only_whether_something_is_there():
    """Every other decision is the engine's; `perform` only tells effects apart."""
    for name in ("client/awaiting.py", "shells.py"):
        tree = ast.parse((ROOT / "imagegen" / name).read_text())
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)):
            branches = [node for node in ast.walk(function) if isinstance(node, (ast.If, ast.IfExp, ast.Match))]
            decisions = [node for node in branches if isinstance(node, ast.Match) or not asks_for_none(node.test)]
            assert len(decisions) == (function.name == "perform"), f"{name}: {function.name}"


def asks_for_none(test: ast.expr) -> bool:
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], (ast.Is, ast.IsNot))
        and isinstance(test.comparators[0], ast.Constant)
        and test.comparators[0].value is None
    )


def test_the_public_names_are_true():
    assert imagegen.__all__ == sorted(imagegen.__all__)
    for name in imagegen.__all__:
        assert getattr(imagegen, name).__doc__, name
    tree = ast.parse((ROOT / "imagegen" / "__init__.py").read_text())
    block = next(n for n in tree.body if isinstance(n, ast.If))
    typed = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == set(imagegen.__all__)


def test_no_module_shares_its_name_with_a_public_function():
    modules = {module.name for module in pkgutil.iter_modules(imagegen.__path__)}
    assert not modules & set(imagegen.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_each_import_package_is_typed(package):
    assert (Path(importlib.import_module(package).__file__).parent / "py.typed").exists()


def test_every_hook_says_who_calls_it_and_when():
    hooks = [value for name, value in vars(hookspecs).items() if name.startswith("imagegen_")]
    assert hooks
    for hook in hooks:
        assert "Called" in hook.__doc__, hook.__name__


def test_the_tree_at_the_top_of_errors_is_true():
    drawn = set(re.findall(r"^\s+[*x+] (\w+)", errors.__doc__, re.MULTILINE))
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert drawn == classes


def test_every_module_says_what_its_room_is_for():
    for path in EVERYTHING:
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_nothing_points_at_a_machine_or_a_private_page():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    pattern = re.compile(r"/work/|/farm/|\.\./shared|/root/")
    for name in tracked:
        path = ROOT / name
        if (
            path.suffix in (".py", ".md", ".toml", ".yaml", ".csv", ".json")
            and path.is_file()
            and path.name != Path(__file__).name
        ):
            assert not pattern.search(path.read_text("utf-8")), name


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, imagegen; print(sorted({'httpx', 'cattrs', 'PIL', 'rich', 'cyclopts', 'attrs'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_a_plugin_that_fails_to_import_is_named_and_skipped():
    class Broken:
        @imagegen.hookimpl
        def imagegen_providers(self):
            raise RuntimeError("no such wheel")

    registry = plugins.load([("good", importlib.import_module("imagegen_tams")), ("bad", Broken())])

    assert list(registry.providers) == ["tams"]
    assert [(b.name, b.reason) for b in registry.broken] == [("bad", "RuntimeError: no such wheel")]


def test_no_sql_numbers_its_placeholders():
    """`?1` with a sequence is deprecated since Python 3.12 and an error from 3.14 on."""
    assert [path.name for path in EVERYTHING if re.search(r"""["' (]\?\d""", path.read_text("utf-8"))] == []
