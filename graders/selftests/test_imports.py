"""Who may import whom (design, 'The house'), read from the source: every arrow points down, or stays on its floor."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from graders.curriculum import LAB, SKELETON

FLOORS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "graders.curriculum",
            "graders.expect",
            "graders.files",
            "graders.submission",
            "graders.tame",
            "graders.verdict",
        }
    ),
    frozenset({"graders.running", "graders.measuring", "graders.exact"}),
    frozenset({"graders.reporting", "graders.unlocking"}),
    frozenset({"graders.classroom", "graders.experiments", "graders.grading", "graders.session", "graders.voices"}),
    frozenset(
        {"graders.plugin", "graders.cli", "graders.commands", "graders.classroom.inside", "graders.classroom.probe"}
    ),
)
"""From the ground up: a part may import its own floor and those below it."""

APART = frozenset({"selftests", "solutions", "skeleton", "three_handlers", "one_service", "__pycache__"})
"""Folders of graders/ that hold the lab's own tests, or code that plays the learner's part."""

RUNS_PYTEST = frozenset({"graders.plugin", "graders.commands.watch", "graders.classroom.inside"})
STANDARD = frozenset(sys.stdlib_module_names)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(LAB).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    name_of(path): path
    for path in sorted((LAB / "graders").rglob("*.py"))
    if not APART & set(path.relative_to(LAB).parts)
}


@functools.cache
def imports_of(path: Path, *, at_import: bool = False) -> frozenset[str]:
    """The modules that a file imports, anywhere in it, or only when it is imported itself."""
    return frozenset(_imports(path, at_import))


def _imports(path: Path, at_import: bool) -> Iterator[str]:
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if at_import and (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _is_for_types(node)):
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (_module(f"{'.' * node.level}{node.module or ''}.{alias.name}") for alias in node.names)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _module(name: str) -> str:
    """The module itself, where `from module import name` names one; else the module that has the name."""
    return name if name in MODULES or (LAB / name.replace(".", "/")).is_dir() else name.rpartition(".")[0]


def is_ours(module: str) -> bool:
    return module.split(".")[0] == "graders"


def floor_of(module: str) -> int:
    named = (module, ".".join(module.split(".")[:2]))  # a module of its own standing before the part it lies in
    return next((number for part in named for number, parts in enumerate(FLOORS) if part in parts), -1)


def test_every_part_stands_on_a_floor() -> None:
    """No part of the lab is left out of the order."""
    assert [name for name in MODULES if floor_of(name) < 0 and name != "graders"] == []


def test_arrows_have_names() -> None:
    """Inside graders no import is relative: one that is hides whom it names."""
    assert [name for name, path in MODULES.items() if any(m.startswith(".") for m in imports_of(path))] == []


def test_arrows_point_down() -> None:
    """A part of the lab imports its own floor and lower ones, inside functions and for types too."""
    arrows = {(name, other) for name, path in MODULES.items() for other in imports_of(path) if is_ours(other)}

    assert sorted(f"{name} imports {other}" for name, other in arrows if floor_of(other) > floor_of(name)) == []


def test_graders_never_import_the_learner() -> None:
    """The submission and the suite are never imported by what grades them."""
    arrows = {(name, other) for name, path in MODULES.items() for other in imports_of(path)}
    learners = {"app", "tests", "locustfile"}

    assert sorted(f"{name} imports {other}" for name, other in arrows if other.split(".")[0] in learners) == []


def test_no_circles() -> None:
    """No two modules need one another to be imported."""
    needs = {name: {m for m in imports_of(path, at_import=True) if m in MODULES} for name, path in MODULES.items()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


def test_pytest_stays_in_its_rooms() -> None:
    """pytest is imported by the plugin, by the command that runs it at every save, and where a class is graded."""
    assert {name for name, path in MODULES.items() if "pytest" in imports_of(path)} == RUNS_PYTEST


def test_what_is_data_imports_nothing_of_ours() -> None:
    """Verdicts, requirements and files know none of the lab's other parts."""
    for part in ("verdict", "expect", "files"):
        assert [name for name in imports_of(MODULES[f"graders.{part}"]) if is_ours(name)] == []


def test_suites_import_words_from_graders() -> None:
    """A suite imports the standard library, the lab's words and earlier suites, and never the learner's code."""
    suites = sorted((LAB / "tests").rglob("*.py"))
    for path in suites:
        earlier = {other.stem for other in suites if other.name.startswith("test_") and other.name < path.name}
        strangers = {name for name in imports_of(path) if name.split(".")[0] not in {"graders", "pytest", *STANDARD}}
        assert sorted(strangers - earlier) == [], path.name
        assert sorted(name for name in imports_of(path) if name.startswith("graders.selftests")) == [], path.name


def test_the_learners_side_imports_nothing_of_ours() -> None:
    """Skeleton and solutions stand on the service's dependencies alone."""
    files = sorted({*SKELETON.rglob("*.py"), *(LAB / "graders/solutions").rglob("*.py")})
    arrows = {(path, other) for path in files for other in imports_of(path)}

    assert files
    assert sorted(f"{path.relative_to(LAB)} imports {other}" for path, other in arrows if is_ours(other)) == []
