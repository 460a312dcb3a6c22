"""Names that strangers chose: of archive entries, of students, of report folders."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

MAX_PARTS = 40
MAX_PART_BYTES = 200
MAX_SLUG = 60
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
FOREIGN_ARCHIVES = (".rar", ".7z", ".gz", ".bz2", ".xz", ".zst", ".dmg", ".iso")
SKIPPED = frozenset({"__MACOSX", "__pycache__", ".git", ".venv", "venv", "node_modules", ".lab", ".tox", ".mypy_cache"})
RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)

PLATFORMS = (
    re.compile(r"^(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?$"),  # Moodle
    re.compile(r"^(?P<id>\d+-\d+) - (?P<name>.+?) - .+$"),  # Brightspace
    re.compile(r"^.*?_?(?P<name>[^_]+)_attempt_(?P<attempt>\d{4}(?:-\d\d){5})(?:_.*)?$"),  # Blackboard
    re.compile(r"^(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_\d+_.+$"),  # Canvas
)


class UnsafeNameError(Exception):
    """An entry of this name is not unpacked; the message says why."""


@dataclass(frozen=True, slots=True)
class Student:
    """Who handed something in, as far as a file's name tells; of several attempts the latest counts."""

    name: str
    attempt: str = ""
    is_from_platform: bool = False


def safe_parts(name: str) -> tuple[str, ...]:
    """An entry's name as parts of a path below the folder that it is unpacked into. Raises `UnsafeNameError`.

    Backslashes separate too: some archives from Windows have them. Characters that cannot be shown become "_".
    """
    flat = name.replace("\\", "/")
    if flat.startswith("/") or re.match(r"^[A-Za-z]:", flat):
        raise UnsafeNameError("has an absolute name")
    parts = tuple(part for part in flat.split("/") if part not in ("", "."))
    if ".." in parts:
        raise UnsafeNameError("leads out of its folder")
    if len(parts) > MAX_PARTS:
        raise UnsafeNameError(f"lies more than {MAX_PARTS} folders deep")
    return tuple(_shortened(shown(part)) for part in parts)


def shown(text: str) -> str:
    """A text with every character that cannot be shown replaced: one line, in composed form."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFC", "".join(c if c.isprintable() else "_" for c in text))


def is_archive(name: str) -> bool:
    """Whether the lab can unpack a file of this name."""
    return name.lower().endswith(ARCHIVES)


def is_foreign_archive(name: str) -> bool:
    """Whether it is an archive of a kind that the lab cannot unpack."""
    return name.lower().endswith(FOREIGN_ARCHIVES) and not is_archive(name)


def without_suffix(name: str) -> str:
    """An archive's name without what says that it is one."""
    suffixes = [suffix for suffix in ARCHIVES if name.lower().endswith(suffix)]
    return name[: -max(map(len, suffixes))] if suffixes else name


def is_skipped(part: str) -> bool:
    """Whether a file or folder of this name belongs to tools and not to a submission."""
    return part in SKIPPED or part == ".DS_Store" or part.startswith("._")


def student_of(entry: str) -> Student:
    """The student that a folder or an archive of this name belongs to."""
    for pattern in PLATFORMS:
        if found := pattern.match(entry):
            groups = found.groupdict()
            name = " ".join(groups["name"].split())
            return Student(f"{name} ({groups['id']})" if groups.get("id") else name, groups.get("attempt") or "", True)
    return Student(without_suffix(entry).strip() or entry)


def slug(student: str) -> str:
    """A name for a student's report folder, fit for any file system, and different for different students."""
    text = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", student)).strip("._-")
    while len(text.encode()) > MAX_SLUG:
        text = text[:-1]
    if text and text == student and text == text.lower() and not RESERVED.match(text.split(".")[0]):
        return text
    return f"{text or 'student'}-{hashlib.sha256(student.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _shortened(part: str) -> str:
    if len(part.encode()) <= MAX_PART_BYTES:
        return part
    digest = hashlib.sha256(part.encode()).hexdigest()[:8]
    stem, dot, suffix = part.rpartition(".")
    kept = (stem or part).encode()[: MAX_PART_BYTES // 2].decode(errors="ignore")
    return f"{kept}-{digest}{dot}{suffix[:10]}" if dot else f"{kept}-{digest}"
