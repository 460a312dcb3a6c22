"""From paths to clean folders, one per student; whoever's work cannot be taken gets a reason, and the rest goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from graders.classroom.intake.entries import DiskError, Entry, Kind, Note, RefusedError, listing
from graders.classroom.intake.folders import FolderSource
from graders.classroom.intake.names import is_archive, shown, slug, student_of, without_suffix
from graders.classroom.intake.survey import Find, Parts, Tree, find_many, find_one
from graders.classroom.intake.tars import TarSource
from graders.classroom.intake.zips import ZipSource
from graders.submission import MAX_FILE_BYTES, MAX_FILES

MAX_SUBMISSION_BYTES = 64 * 2**20
MAX_ARCHIVE_BYTES = 64 * 2**20
MAX_NESTING = 3
MAX_NOTES = 12
CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class HandedIn:
    """One student's submission: a clean folder of its own, or the reason why there is none."""

    student: str
    source: str
    folder: Path | None = None
    trouble: str = ""
    notes: tuple[str, ...] = ()
    is_second: bool = False

    @property
    def slug(self) -> str:
        """The name of its report folder."""
        return slug(f"{self.student} {self.source}" if self.is_second else self.student)


def take_in(paths: Sequence[Path], work: Path, warn: Callable[[str], object]) -> Iterator[HandedIn]:
    """Unpack everything into folders below `work`; a name that comes twice is refused the second time.

    `warn` gets a sentence for each entry that was left out and is nobody's. Raises `DiskError`.
    """
    taken: dict[str, str] = {}
    for number, path in enumerate(paths):
        for given in _take_path(path, work / str(number), len(paths) == 1, warn):
            first = taken.get(given.student.casefold())
            if first is None:
                taken[given.student.casefold()] = given.source
                yield given
            else:
                trouble = f"a second submission under the name {given.student}; graded is the one from {first}"
                yield replace(given, folder=None, trouble=trouble, is_second=True)


def _take_path(path: Path, work: Path, is_alone: bool, warn: Callable[[str], object]) -> Iterator[HandedIn]:
    label = shown(path.resolve().name)
    try:
        if path.is_dir():
            source: Any = FolderSource(path, label)
        elif not path.is_file():
            raise RefusedError("is neither a file nor a folder")
        elif is_archive(path.name):
            source = _archive(path, label)
        else:
            raise RefusedError("is neither a folder nor a zip or tar archive")
        with closing(source):
            entries, notes = listing(source)
            tree = Tree(entries)
            finds = find_many(tree, label, is_alone, not path.is_dir())
            for note in notes:
                if len(finds) > 1 and not any(note.parts[: len(f.place)] == f.place for f in finds):
                    warn(f"{label}: {note.text}")
            yield from _Intake(source, tree, finds, work, 1).take(notes)
    except RefusedError as error:
        yield HandedIn(student_of(without_suffix(label)).name, label, trouble=f"{label} {error}")


def _archive(path: Path, label: str) -> ZipSource | TarSource:
    return ZipSource(path, label) if path.name.lower().endswith(".zip") else TarSource(path, label)


class _Intake:
    """One source whose finds are known: its files are read in one go."""

    def __init__(self, source: Any, tree: Tree, finds: Sequence[Find], work: Path, depth: int) -> None:
        self._source = source
        self._tree = tree
        self._finds = finds
        self._work = work
        self._depth = depth
        self._troubles: dict[int, str] = {}
        self._notes: dict[int, list[str]] = {}
        self._used: dict[int, int] = {}

    def take(self, notes: Sequence[Note]) -> Iterator[HandedIn]:
        """Read what is wanted, then tell what became of each find."""
        wanted = self._wanted()
        missing = set(wanted)

        def take_file(index: int, stream: IO[bytes]) -> None:
            self._take_file(*wanted[index], stream)
            missing.discard(index)

        def damaged(index: int, why: str) -> None:
            number, entry, _ = wanted[index]
            self._troubles.setdefault(number, f"is damaged at {entry.name!a} ({why})")

        try:
            self._source.read(frozenset(wanted), take_file, damaged)
        except RefusedError as error:
            for number in {wanted[index][0] for index in missing}:
                self._troubles.setdefault(number, f"{self._source.label} {error}")
        for number, find in enumerate(self._finds):
            yield from self._handed_in(number, find, notes)

    def _wanted(self) -> dict[int, tuple[int, Entry, Path]]:
        """Index of each file to read: whose it is, the file, where it goes.

        Of a submission that is `app/` and the files beside it; what else lies there, no check reads.
        """
        wanted: dict[int, tuple[int, Entry, Path]] = {}
        folders: dict[Parts, int] = {f.root: n for n, f in enumerate(self._finds) if f.root is not None}
        archives = {f.archive: n for n, f in enumerate(self._finds) if f.archive is not None}
        depths = {len(root) for root in folders}
        for entry in self._tree.entries:
            if entry.kind is not Kind.FILE:
                continue
            if entry.parts in archives:
                number = archives[entry.parts]
                wanted[entry.index] = (number, entry, self._folder(number) / entry.parts[-1])
            for root in (entry.parts[:n] for n in depths if n < len(entry.parts)):
                inside = entry.parts[len(root) :]
                if root in folders and (len(inside) == 1 or inside[0] == "app"):
                    wanted[entry.index] = (folders[root], entry, self._folder(folders[root]).joinpath(*inside))
        self._refuse_crowds(wanted)
        return {index: item for index, item in wanted.items() if item[0] not in self._troubles}

    def _refuse_crowds(self, wanted: Mapping[int, tuple[int, Entry, Path]]) -> None:
        counts: dict[int, int] = {}
        for number, _, _ in wanted.values():
            counts[number] = counts.get(number, 0) + 1
            if counts[number] > MAX_FILES:
                self._troubles[number] = f"holds more than {MAX_FILES} files"

    def _folder(self, number: int) -> Path:
        return self._work / f"find-{number}"

    def _take_file(self, number: int, entry: Entry, target: Path, stream: IO[bytes]) -> None:
        if number in self._troubles:
            return
        is_nested = self._finds[number].archive is not None
        most = MAX_ARCHIVE_BYTES if is_nested else MAX_FILE_BYTES
        try:
            written = _copy(stream, target, most)
        except (FileExistsError, NotADirectoryError):
            self._note(number, f"left out {entry.name!a}: a file and a folder have the same name")
            return
        if written > most:
            target.unlink()
            self._note(number, f"left out {entry.name!a}: it is larger than {most >> 20} MiB")
            if is_nested:
                self._troubles[number] = f"{entry.name!a} is larger than {most >> 20} MiB"
        self._used[number] = self._used.get(number, 0) + written
        if self._used[number] > MAX_SUBMISSION_BYTES:
            self._troubles[number] = f"is a bomb: it unpacks to more than {MAX_SUBMISSION_BYTES >> 20} MiB"

    def _note(self, number: int, text: str) -> None:
        self._notes.setdefault(number, []).append(text)

    def _handed_in(self, number: int, find: Find, notes: Sequence[Note]) -> Iterator[HandedIn]:
        folder = self._folder(number)
        trouble = find.trouble or self._troubles.get(number, "")
        told = self._notes_on(number, find, notes)
        source = "/".join((self._source.label, *find.place))
        if trouble:
            shutil.rmtree(folder, ignore_errors=True)
            yield HandedIn(find.student.name, source, trouble=trouble, notes=told)
        elif find.archive is not None:
            yield self._look_into(folder / find.archive[-1], find, source, told)
        else:
            with _on_disk():
                (folder / "app").mkdir(parents=True, exist_ok=True)
            yield HandedIn(find.student.name, source, folder, notes=told)

    def _notes_on(self, number: int, find: Find, notes: Sequence[Note]) -> tuple[str, ...]:
        """What was left out of this student's work; what is nobody's is told to everybody who could be meant."""
        about = find.root if find.root is not None and len(self._finds) == 1 else find.place
        mine = [n.text for n in notes if n.parts[: len(about)] == about or (len(self._finds) == 1 and not n.parts)]
        mine += self._notes.get(number, [])
        return (*mine[:MAX_NOTES], *([f"... and {len(mine) - MAX_NOTES} more"] if len(mine) > MAX_NOTES else []))

    def _look_into(self, archive: Path, find: Find, source: str, told: tuple[str, ...]) -> HandedIn:
        student, label = find.student.name, f"{source}/{archive.name}"
        try:
            if self._depth >= MAX_NESTING:
                raise RefusedError(f"is the {MAX_NESTING}rd archive inside an archive")
            with closing(_archive(archive, shown(archive.name))) as inner:
                entries, notes = listing(inner)
                tree = Tree(entries)
                one = find_one(tree, find.student)
                work = self._work / f"inside-{self._depth}-{archive.parent.name}"
                found = next(_Intake(inner, tree, [one], work, self._depth + 1).take(notes))
        except RefusedError as error:
            return HandedIn(student, label, trouble=f"{archive.name} {error}", notes=told)
        finally:
            archive.unlink(missing_ok=True)
        return replace(found, student=student, source=label, notes=(*told, *found.notes))


def _copy(stream: IO[bytes], target: Path, most: int) -> int:
    """Copy at most one byte more than the limit to a new file; the number of bytes copied."""
    with _on_disk():
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("xb", buffering=0)  # what does not fit is told by the write itself, not at the end
    written = 0
    with file:
        while written <= most and (chunk := stream.read(min(CHUNK, most + 1 - written))):
            with _on_disk():
                while chunk:
                    count = file.write(chunk)
                    written, chunk = written + count, chunk[count:]
    return written


@contextmanager
def _on_disk() -> Iterator[None]:
    """Tell trouble with writing, which is the lab's own, apart from trouble with what a student handed in."""
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise
    except OSError as error:
        raise DiskError(f"what was handed in cannot be unpacked below --out ({error.strerror or error})") from error
