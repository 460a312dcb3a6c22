"""The ship rule: the skeleton passes exercise 0 and nothing else, and the solutions pass exactly their exercises.

Holds for however many exercises the course has. Container engines are kept out of these runs, so that what needs one
is not run; the corpus grades that part.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from graders.curriculum import EXERCISES, LAB, LESSONS, SKELETON, SOLUTIONS, Exercise
from graders.measuring.figures import FIGURES, figures_in
from graders.selftests.ahead import Ahead
from graders.selftests.corpus import Graded, compose, grade, remember
from graders.submission import GIVEN, Submission

DECLARED = {"exercise0": 0, "exercise1": 20, "exercise2": 25, "exercise3": 20, "exercise4": 20, "exercise5": 15}
NOT_FAILED = {"passed", "not_run"}
NOT_PASSED = {"failed", "not_run"}
WITHOUT_ENGINES = {"PATH": str(Path(sys.executable).parent)}

by_exercise = pytest.mark.parametrize("of", EXERCISES, ids=lambda of: of.id)


# --- graded ----------------------------------------------------------------------------------------------------------


def shipped(done: Exercise, following: Exercise | None, scratch: Path) -> Graded:
    """Grade an exercise and the one after it, on the solutions of the exercises up to the first.

    What came before is taken as verified, except for the last exercise of the course: there, all of it is graded.
    """
    submission = compose(done.number, scratch / "submission")
    if following is None:
        return grade(submission, scratch=scratch / "run", env=WITHOUT_ENGINES)
    remember(done.number, submission, scratch / "run")
    return grade(submission, "-k", f"{done.id} or {following.id}", scratch=scratch / "run", env=WITHOUT_ENGINES)


@pytest.fixture(scope="module")
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ahead[Graded]]:
    """One run per exercise that is asked for, several at a time; the longest, which grades everything, comes first."""
    folder = tmp_path_factory.mktemp("shipped")
    ours = [item for item in request.session.items if item.path == request.path]
    asked = [_asked(item) for item in ours if "graded" in getattr(item, "fixturenames", ())]

    def run(done: Exercise, following: Exercise | None) -> Callable[[], Graded]:
        return lambda: shipped(done, following, folder / done.id)

    pairs = [pair for pair in zip(EXERCISES, [*EXERCISES[1:], None], strict=True) if pair[0] in asked]
    ahead = Ahead({done.id: run(done, following) for done, following in reversed(pairs)})
    yield ahead
    ahead.close()


def _asked(item: pytest.Item) -> object:
    params = getattr(getattr(item, "callspec", None), "params", {})
    return params.get("done", params.get("of", EXERCISES[-1]))


@by_exercise
def test_solutions_pass(graded: Ahead[Graded], of: Exercise) -> None:
    """With the solutions up to an exercise, every check of it passes, the bonus included."""
    run = graded[of.id]

    assert {c: s for c, s in run.states(of.id).items() if s not in NOT_FAILED} == {}, run.printed
    assert "passed" in run.states(of.id).values()


def test_all_solutions_together(graded: Ahead[Graded]) -> None:
    """With every solution in place, every exercise passes in one run, and the exit code says so."""
    run = graded[EXERCISES[-1].id]

    for of in EXERCISES:
        assert set(run.states(of.id).values()) <= NOT_FAILED, run.printed
    assert run.exit_code == 0
    assert run.report["points"] >= run.report["max_points"] > 0


@pytest.mark.parametrize(("done", "of"), list(pairwise(EXERCISES)), ids=lambda of: of.id)
def test_skeleton_fails(graded: Ahead[Graded], done: Exercise, of: Exercise) -> None:
    """With the solutions of the earlier exercises alone, every check of an exercise fails, the bonus included."""
    run = graded[done.id]

    assert {c: s for c, s in run.states(of.id).items() if s not in NOT_PASSED} == {}, run.printed
    assert "failed" in run.states(of.id).values()
    assert run.exit_code == 1
    assert "the lab itself broke" not in run.printed


def test_figures_of_the_history(graded: Ahead[Graded]) -> None:
    """What `lab history` follows is there in the evidence of the checks that passed on a machine's clock."""
    run = graded[EXERCISES[-1].id]

    for figure in FIGURES:
        exercise_id, check_id = figure.check.split(".")
        found = next(c for c in run.checks(exercise_id) if c["id"] == check_id)
        if found["state"] == "passed" and found["evidence"].get("judge") != "exact":
            assert figure.name in figures_in(figure.check, found["evidence"]), found["evidence"].keys()


# --- points, hints, lessons ------------------------------------------------------------------------------------------


@by_exercise
def test_points(of: Exercise) -> None:
    """An exercise is worth what the course declares; its bonus checks are worth 2 to 4 points each, on top."""
    assert DECLARED[of.id] == sum(check.points for check in of.checks if not check.bonus)
    assert {check.points for check in of.checks if check.bonus} <= {2, 3, 4}


def test_points_of_the_course() -> None:
    """The five exercises are worth 100 points."""
    worth = sum(check.points for of in EXERCISES for check in of.checks if not check.bonus)

    assert worth == sum(DECLARED[of.id] for of in EXERCISES)
    assert worth == 100 or len(EXERCISES) < len(DECLARED)


def test_names() -> None:
    """Exercises are in order, and no two checks of the course share a name: `lab hint` takes the name alone."""
    names = [check.id for of in EXERCISES for check in of.checks]

    assert [of.number for of in EXERCISES] == sorted({of.number for of in EXERCISES})
    assert sorted({name for name in names if names.count(name) > 1}) == []


@by_exercise
def test_promises(of: Exercise) -> None:
    """Each check states its promise in one sentence, short enough for a line of the card."""
    for check in of.checks:
        assert re.fullmatch(r"\S.{10,110}\.", check.title), f"{check.id}: {check.title}"


@by_exercise
def test_hints(of: Exercise) -> None:
    """Every check has three hints, all different, a reason why it works, and a step of a lesson that exists."""
    assert set(of.hints) == {check.id for check in of.checks}
    for check_id, hints in of.hints.items():
        assert len({text.strip() for text in hints.hints} - {""}) == 3, check_id
        assert hints.why.strip(), check_id
        page, _, anchor = hints.lesson.partition("#")
        assert page == of.lesson.name, check_id
        assert anchor in anchors(LESSONS / page), f"{check_id}: {hints.lesson}"


@by_exercise
def test_file_of_a_check(of: Exercise) -> None:
    """The file that the card names for a check is in the skeleton, and its lesson's step names it too."""
    known = {relative for relative, _ in Submission.at(SKELETON).files(of.files)}
    for check in of.checks:
        file, steps = of.file_of(check.id), sections(of.lesson)
        named = re.search(r"(?m)^Files?: .*$", steps[of.hints[check.id].lesson.partition("#")[2]])
        assert file in known | ({""} if of.number == 0 else set()), check.id
        assert named is None or f"`{file}`" in named[0], f"{check.id}: {file}; {named and named[0]}"


def sections(page: Path) -> dict[str, str]:
    """A page's text from each heading to the next, by the anchor that GitHub gives to the heading."""
    text = re.sub(r"(?ms)^(```+).*?^\1\s*$", "", page.read_text(encoding="utf-8"))
    found = re.findall(r"(?ms)^#{1,6} ([^\n]*)\n(.*?)(?=^#{1,6} |\Z)", text)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-"): body for title, body in found}


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    return set(sections(page))


@by_exercise
def test_lesson(of: Exercise) -> None:
    """Every exercise has its lesson, and every link of it to another page or heading of the lab leads somewhere."""
    text = of.lesson.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link)]
    for link in links:
        page, _, anchor = link.partition("#")
        target = (of.lesson.parent / page).resolve() if page else of.lesson
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


# --- skeleton and solutions ------------------------------------------------------------------------------------------


def files_in(folder: Path) -> dict[str, Path]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path for path in found}


SKELETON_FILES = files_in(SKELETON)


@by_exercise
def test_todos(of: Exercise) -> None:
    """Every TODO of the skeleton names its lesson and a step of it; every graded exercise but 0 has TODOs."""
    steps = {int(number) for number in re.findall(r"(?m)^## Step (\d+)", of.lesson.read_text(encoding="utf-8"))}
    found = [int(step) for lesson, step in todos() if lesson == of.id]

    assert sorted(set(found) - steps) == []
    assert found or of.number == 0


def test_todos_have_a_form() -> None:
    """No TODO of the skeleton is without its lesson and its step."""
    known = {of.id for of in EXERCISES} | set(DECLARED)
    lines = [
        line for path in SKELETON_FILES.values() for line in path.read_text("utf-8").splitlines() if "# TODO" in line
    ]

    assert len(lines) == len(todos())
    assert {lesson for lesson, _ in todos()} <= known


def todos() -> list[tuple[str, str]]:
    texts = (path.read_text(encoding="utf-8") for path in SKELETON_FILES.values())
    return [found for text in texts for found in re.findall(r"# TODO \(lessons/(exercise\d+)\.md, step (\d+)\b", text)]


@by_exercise
def test_edited_files(of: Exercise) -> None:
    """The files that an exercise asks to be edited are in the skeleton, and belong to what it is judged by."""
    submission = Submission.at(SKELETON)

    assert [name for name in of.edits if name not in SKELETON_FILES] == []
    assert set(of.edits) <= {relative for relative, _ in submission.files(of.files)}


def test_the_skeleton_stands_at_the_root() -> None:
    """Every file of the skeleton is there for the learner to edit."""
    assert [name for name in SKELETON_FILES if not (LAB / name).is_file()] == []


@by_exercise
def test_solutions_hold_differences(of: Exercise, tmp_path: Path) -> None:
    """A solution holds only files that it changes, and never a given one."""
    before = files_in(compose(of.number - 1, tmp_path / "before"))
    files = files_in(SOLUTIONS / of.id)

    assert [
        name for name, path in files.items() if name in before and path.read_bytes() == before[name].read_bytes()
    ] == []
    assert set(files) & set(GIVEN) == set()
    assert files or of.number == 0


Names = dict[str, list[str] | None]


def public_names(source: str) -> Names:
    """What a module offers: its functions with their parameters, its classes with their methods, its variables."""
    found: Names = {}
    for node in ast.parse(source).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found[node.name] = _parameters(node)
            case ast.ClassDef():
                methods = [m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)]
                found |= {node.name: None} | {f"{node.name}.{m.name}": _parameters(m) for m in methods}
            case ast.Assign(targets=targets):
                found |= {target.id: None for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = None
    return {name: how for name, how in found.items() if not name.split(".")[-1].startswith("_")}


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    found = function.args
    return [a.arg for a in (*found.posonlyargs, *found.args, *found.kwonlyargs)]


def test_public_names(tmp_path: Path) -> None:
    """What the skeleton's modules offer, the finished ones offer too, with the same parameters."""
    finished = compose(EXERCISES[-1].number, tmp_path / "finished")
    for name, path in SKELETON_FILES.items():
        if path.suffix == ".py":
            given = public_names(path.read_text(encoding="utf-8"))
            made = public_names((finished / name).read_text(encoding="utf-8"))
            assert {n: how for n, how in given.items() if made.get(n, "missing") != how} == {}, name
