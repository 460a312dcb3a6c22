"""The sandbox of one grading: a bubblewrap command that shows only what grading needs, and nothing else.

Private network, process ids, IPC and host name; the interpreter, the lab's files and one submission, all read-only;
an empty scratch folder in memory; an /etc of four files. Nothing of the teacher's home, of other submissions, of
results.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from graders.curriculum import LAB, LESSONS, SUITE
from graders.running.confine import Confinement

PARTS = ("graders", "tests", "lessons", "conftest.py", "pyproject.toml")
"""Of the lab, what a graded run reads."""

HIDDEN = (str(SUITE), str(LESSONS), str(LAB / "graders" / "solutions"), str(LAB / "graders" / "selftests"))
"""What a learner's process must not even see of it."""

CLASS = Path("/class")
SCRATCH = Path("/scratch")
SCRATCH_BYTES = 2**30
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
LIBRARIES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives", "/etc/ssl/certs")
ETC = {
    "passwd": "grader:x:{uid}:{uid}:grader:/scratch:/usr/sbin/nologin\n",
    "group": "grader:x:{uid}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "hosts: files\n",
}


def program() -> str | None:
    """Where bubblewrap is; `None` where it is not installed."""
    return shutil.which("bwrap")


def command(bwrap: str, submission: Path, name: str, etc: Path, uid: int | None) -> list[str]:
    """The command up to the program to run inside; the submission is at `CLASS / name` there.

    With a uid it is started by root and leaves root what `inside` needs to become that user; without, it is started
    by a user without privileges, whom it maps to itself.
    """
    words = [bwrap, "--die-with-parent", "--new-session", "--clearenv", "--hostname", "lab"]
    words += ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if uid is None:
        words += ["--unshare-user"]
    else:
        for capability in ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID"):
            words += ["--cap-add", capability]
    for place in SYSTEM:
        words += _as_it_is(Path(place))
    shown = [*_interpreter(), *(str(LAB / part) for part in PARTS), str(CLASS / name), "/etc/passwd"]
    for parent in sorted({str(parent) for place in shown for parent in Path(place).parents} - {"/"}):
        words += ["--perms", "0755", "--dir", parent]  # left to itself, bubblewrap makes some that only root may enter
    for place in LIBRARIES:
        words += ["--ro-bind-try", place, place]
    for file in ETC:
        words += ["--ro-bind", str(etc / file), f"/etc/{file}"]
    for folder in _interpreter():
        words += ["--ro-bind", folder, folder]
    for part in PARTS:
        words += ["--ro-bind", str(LAB / part), str(LAB / part)]
    words += ["--ro-bind", str(submission), str(CLASS / name)]
    for place in _temporary():
        words += ["--perms", "1777", "--size", str(SCRATCH_BYTES), "--tmpfs", place]
    return [*words, "--dev", "/dev", "--proc", "/proc", "--remount-ro", "/", "--chdir", "/"]


def confinement() -> Confinement:
    """What each learner's process is shut into, inside the sandbox."""
    return Confinement("namespaces", hidden=HIDDEN, private=(*_temporary(), "/dev/shm"))


def _temporary() -> list[str]:
    """Folders that anybody may write to; not /tmp where the lab itself, or its Python, lies below it."""
    fixed = [LAB, *map(Path, _interpreter())]
    return [str(SCRATCH), *([] if any(p.is_relative_to("/tmp") for p in fixed) else ["/tmp"])]


def write_etc(folder: Path, uid: int) -> Path:
    """Write the files of the sandbox's /etc."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in ETC.items():
        (folder / name).write_text(text.format(uid=uid), encoding="ascii")
        (folder / name).chmod(0o644)
    return folder


def _as_it_is(place: Path) -> list[str]:
    """A system folder, or the link that stands in its place."""
    if place.is_symlink():
        return ["--symlink", os.readlink(place), str(place)]  # noqa: PTH115 - relative, as it is
    return ["--ro-bind", str(place), str(place)] if place.is_dir() else []


def _interpreter() -> list[str]:
    """The folders that Python and the packages live in, unless the system's folders hold them."""
    places = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parents[1]}
    places |= {Path(os.path.realpath(place)) for place in places}
    kept = [p for p in sorted(places) if not any(q in p.parents for q in places) and not str(p).startswith("/usr")]
    return [str(place) for place in kept]
