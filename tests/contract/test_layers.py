"""The walls of the house: who imports whom, what is pure, who reads the environment."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "agentd").rglob("*.py"))
SOURCES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in MODULES}
TREES = {name: ast.parse(text) for name, text in SOURCES.items()}

# Modules that do input or output, or know the time or chance.
IMPURE = {
    *("aiohttp", "asyncio", "asyncssh", "fcntl", "glob", "grp", "http", "logging"),
    *("mmap", "mss", "multiprocessing", "os", "pathlib", "prometheus_client", "psutil", "pwd"),
    *("queue", "random", "secrets", "select", "selectors", "shutil", "signal", "socket"),
    *("socketserver", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time"),
    *("tty", "pty", "urllib.request", "uuid", "uvloop", "Xlib"),
    # The abstract Executor is a fine argument; making one starts threads.
    *("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor"),
}
# A clock hides behind these names of modules that are otherwise pure.
CLOCKS = {"now", "utcnow", "today"}

# Who else reads the environment, and why: python-xlib takes the cookie's file from it alone.
READS_ENVIRONMENT = {"agentd/base/config.py", "agentd/desktop/xlink.py"}
# What runs outside of the daemon has an environment of its own.
OUTSIDE = ("agentd/client/", "agentd/__main__.py")


def is_pure(tree: ast.Module) -> bool:
    """Whether a module says so of itself."""
    doc = ast.get_docstring(tree) or ""
    return re.search(r"^Pure[.:]|\bPure\.", doc, re.MULTILINE) is not None


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is named in an import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def public(tree: ast.Module) -> Iterator[ast.AST]:
    """The public functions and classes of a module, and the public methods of those classes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, kinds) and not inner.name.startswith("_"):
                    yield inner


PURE = [name for name, tree in TREES.items() if is_pure(tree)]


def test_import_contracts_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports; lint_imports()"]
    script = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run(
        [script] if script.exists() else command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_each_room_is_in_the_import_contracts() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    rooms = {path.name for path in (ROOT / "agentd").iterdir() if (path / "__init__.py").exists()}
    independent = re.findall(r'type = "independence"\s*modules = \[(.*?)\]', text, re.DOTALL)
    assert rooms - {"base"} <= set(re.findall(r"agentd\.(\w+)", "".join(independent)))


@pytest.mark.parametrize(
    "name",
    ["base/errors", "base/schema", "base/backoff", "base/command", "control/describe"]
    + [f"desktop/{name}" for name in ("screen/frame", "hands/keymap", "hands/keynames", "actions")],
)
def test_module_that_was_promised_to_be_pure_says_so(name: str) -> None:
    assert f"agentd/{name}.py" in PURE


@pytest.mark.parametrize("name", PURE)
def test_pure_module_imports_nothing_that_does_anything(name: str) -> None:
    found = {module for module in imports(TREES[name]) for impure in IMPURE if _is(module, impure)}
    assert found == set()


# The client's pure modules take types from the one that reads the description.
@pytest.mark.parametrize("name", [name for name in PURE if "/client/" not in name])
def test_pure_module_imports_only_pure_ones_of_ours(name: str) -> None:
    ours = {module for module in imports(TREES[name]) if module.startswith("agentd.")}
    files = {f"{module.replace('.', '/')}.py" for module in ours}
    assert {file for file in files if file in TREES} <= set(PURE)


@pytest.mark.parametrize("name", PURE)
def test_pure_module_opens_nothing_and_reads_no_clock(name: str) -> None:
    found = []
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in {"open", "print", "input"}:
                found.append(called.id)
            if isinstance(called, ast.Attribute) and called.attr in CLOCKS:
                found.append(called.attr)
    assert found == []


@pytest.mark.parametrize("name", SOURCES)
def test_only_the_configuration_reads_the_environment(name: str) -> None:
    if name in READS_ENVIRONMENT or name.startswith(OUTSIDE):
        return
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    found = [
        node.attr
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Attribute) and node.attr in names
    ]
    found += [module for module in imports(TREES[name]) if module.rpartition(".")[2] in names]
    assert found == []


def test_exception_for_the_x_cookie_is_one_block() -> None:
    tree = TREES["agentd/desktop/xlink.py"]
    uses = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "environ"
    ]
    assert max(uses, default=0) - min(uses, default=0) < 20
    assert "XAUTHORITY" in SOURCES["agentd/desktop/xlink.py"]


@pytest.mark.parametrize("name", SOURCES)
def test_module_has_a_docstring(name: str) -> None:
    assert ast.get_docstring(TREES[name])


# What is generated is as long as the commands are many; nobody reads it from top to bottom.
@pytest.mark.parametrize("name", [n for n in SOURCES if "/client/commands/" not in n])
def test_module_has_at_most_500_lines(name: str) -> None:
    assert len(SOURCES[name].splitlines()) <= 500


@pytest.mark.parametrize("name", [name for name in SOURCES if name.endswith("/__init__.py")])
def test_package_file_holds_a_docstring_alone(name: str) -> None:
    assert [type(node).__name__ for node in TREES[name].body] == ["Expr"]


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_is_left_to_do(name: str) -> None:
    assert re.findall(r"\b(?:TODO|FIXME|XXX|HACK)\b", SOURCES[name]) == []


@pytest.mark.parametrize("name", SOURCES)
def test_everything_public_has_a_docstring(name: str) -> None:
    bare = [node.name for node in public(TREES[name]) if not ast.get_docstring(node)]  # type: ignore[attr-defined, arg-type]
    assert bare == []


@pytest.mark.parametrize("name", SOURCES)
def test_state_is_not_kept_in_modules(name: str) -> None:
    # An empty list, dict or set at the top of a module is there to be filled.
    kept = [
        node.lineno
        for node in TREES[name].body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and (
            (isinstance(node.value, ast.List | ast.Set) and not node.value.elts)
            or (isinstance(node.value, ast.Dict) and not node.value.keys)
        )
    ]
    assert kept == []


def _is(module: str, impure: str) -> bool:
    return module == impure or module.startswith(f"{impure}.")
