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
from imagegen import errors, hookspecs, shells

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


def test_httpx_is_imported_in_at_most_two_modules():
    users = [path for path in EVERYTHING if any(n.split(".")[0] == "httpx" for n in imports(path))]
    assert [path.name for path in users] == ["transport.py"]


def test_providers_use_only_public_modules_of_the_core():
    private = {"engine", "work", "shells", "transport", "client", "downloads", "effects", "planning"}
    for files in PROVIDERS.values():
        for path in files:
            used = {name.split(".")[1] for name in imports(path) if name.startswith("imagegen.")}
            assert not used & private, f"{path.name} uses {used & private}"


def test_both_shells_are_the_same():
    def plain(cls: type) -> str:
        source = inspect.getsource(cls)
        source = source.replace("async def", "def").replace("await ", "").replace("AsyncShell", "Shell")
        return re.sub(r'""".*?"""', "", source.replace("ado(", "do("), flags=re.DOTALL)

    assert plain(shells.AsyncShell) == plain(shells.Shell)


def test_no_function_both_awaits_and_decides():
    for name in ("client.py", "shells.py"):
        for node in ast.walk(ast.parse((ROOT / "imagegen" / name).read_text())):
            if isinstance(node, ast.AsyncFunctionDef) and node.name not in ("run", "perform"):
                branches = [n for n in ast.walk(node) if isinstance(n, (ast.If, ast.Match))]
                assert len(branches) <= 2, f"{name}: {node.name}"


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
    from imagegen import plugins

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
