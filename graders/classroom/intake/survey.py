"""Who handed in what: read from the names in a folder or an archive, before anything is unpacked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graders.classroom.intake.entries import Entry, Kind
from graders.classroom.intake.names import Student, is_archive, is_foreign_archive, student_of, without_suffix

Parts = tuple[str, ...]
PAPERWORK = (".html", ".htm", ".txt", ".csv", ".yml", ".yaml", ".json", ".pdf", ".md", ".xlsx")
"""What platforms lay beside the submissions."""


@dataclass(frozen=True, slots=True)
class Find:
    """One student's work: the folder that holds `app/`, or an archive to look into, or the reason why neither."""

    student: Student
    place: Parts
    root: Parts | None = None
    archive: Parts | None = None
    trouble: str = ""


class Tree:
    """The names of one source."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self._files = {e.parts for e in self.entries if e.kind is Kind.FILE}
        self._folders = {e.parts[:n] for e in self.entries for n in range(1, len(e.parts) + (e.kind is Kind.FOLDER))}
        self._kids: dict[Parts, set[str]] = {}
        for parts in self._files | self._folders:
            self._kids.setdefault(parts[:-1], set()).add(parts[-1])

    def kids(self, folder: Parts) -> list[str]:
        """The names directly in a folder, in order."""
        return sorted(self._kids.get(folder, ()))

    def is_folder(self, parts: Parts) -> bool:
        """Whether it is a folder."""
        return parts in self._folders or not parts

    def is_root(self, folder: Parts) -> bool:
        """Whether a folder holds `app/`."""
        return (*folder, "app") in self._folders

    def roots(self, below: Parts) -> list[Parts]:
        """The topmost folders that hold `app/`; where some of these hold `app/main.py`, only those."""
        found: list[Parts] = []
        waiting = [below]
        while waiting:
            folder = waiting.pop(0)
            if self.is_root(folder):
                found.append(folder)
            else:
                waiting += [(*folder, kid) for kid in self.kids(folder) if self.is_folder((*folder, kid))]
        return [f for f in found if (*f, "app", "main.py") in self._files] or found

    def archives(self, below: Parts) -> list[Parts]:
        """Every archive below a folder that the lab can unpack."""
        return sorted(p for p in self._files if p[: len(below)] == below and is_archive(p[-1]))

    def foreign(self, below: Parts) -> list[Parts]:
        """Every archive below a folder of a kind that it cannot unpack."""
        return sorted(p for p in self._files if p[: len(below)] == below and is_foreign_archive(p[-1]))


def find_one(tree: Tree, student: Student, place: Parts = ()) -> Find:
    """The one submission below a place; a `Find` with `trouble` where there is none, or more than one."""
    roots = tree.roots(place)
    archives = [] if roots else tree.archives(place)
    if len(roots) == 1:
        return Find(student, place, root=roots[0])
    if len(roots) > 1:
        return Find(student, place, trouble=f"holds {len(roots)} submissions: {_listed(roots)}; which one counts?")
    if len(archives) == 1:
        return Find(student, place, archive=archives[0])
    if archives:
        return Find(student, place, trouble=f"holds {len(archives)} archives: {_listed(archives)}; which one counts?")
    if foreign := tree.foreign(place):
        return Find(student, place, trouble=f"{foreign[0][-1]} is of a kind that the lab cannot unpack; use zip or tar")
    why = "holds no app/ folder: nothing to grade. A submission is the folder that holds app/"
    return Find(student, place, trouble=why)


def find_many(tree: Tree, label: str, is_alone: bool, is_file: bool) -> list[Find]:
    """Everybody's submissions in a source.

    `is_alone`: it is the only path that was given, so that a folder of folders is a class. `is_file`: it is an
    archive; one that holds one submission is one student's, whatever lies beside it.
    """
    level: Parts = ()
    while not tree.is_root(level):
        kids = _work(tree, level)
        only = (*level, kids[0]) if len(kids) == 1 else None
        if only is None or not tree.is_folder(only) or student_of(only[-1]).is_from_platform:
            break
        level = only
    kids = _work(tree, level)
    finds = len(tree.roots(())) or len(tree.archives(()))
    from_platform = any(student_of(kid).is_from_platform for kid in kids)
    is_class = from_platform or finds > 1 or (is_alone and not is_file)
    if tree.is_root(level) or not kids or not is_class:
        name = level[-1] if level and is_alone and not is_file and finds else without_suffix(label)
        return [find_one(tree, student_of(name))]
    return _latest([find_one(tree, student_of(kid), (*level, kid)) for kid in kids])


def _work(tree: Tree, level: Parts) -> list[str]:
    """What lies in a folder and may be somebody's work: folders and archives."""
    kids = tree.kids(level)
    return [
        kid
        for kid in kids
        if tree.is_folder((*level, kid))
        or is_archive(kid)
        or is_foreign_archive(kid)
        or (student_of(kid).is_from_platform and not kid.lower().endswith(PAPERWORK))
    ]


def _latest(finds: Sequence[Find]) -> list[Find]:
    """One find for each student of a platform: the latest attempt, rather one with work in it than one without."""
    best: dict[str, Find] = {}
    others: list[Find] = []
    for find in finds:
        known = best.get(find.student.name)
        if known is None or (known.trouble and not find.trouble):
            best[find.student.name] = find
        elif find.trouble:
            continue
        elif find.student.attempt and find.student.attempt != known.student.attempt:
            best[find.student.name] = max(known, find, key=lambda f: f.student.attempt)
        else:
            others.append(find)
    return [*best.values(), *others]


def _listed(places: Sequence[Parts]) -> str:
    names = [ascii("/".join(place) or ".")[1:-1] for place in places[:4]]
    return ", ".join(names) + (", ..." if len(places) > 4 else "")
