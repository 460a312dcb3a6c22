"""A class of attackers with one honest student, graded at one level of isolation.

python attack_class.py PATH... OUT LEVEL STATE        grades, prints the level that held; run by `AttackedClass`
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAB = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(LAB))

from graders.classroom.intake.names import shown, slug, student_of  # noqa: E402
from graders.classroom.ledger import Entry, Ledger  # noqa: E402
from graders.classroom.levels import is_root, no_namespaces, no_user  # noqa: E402
from graders.classroom.uids import FIRST  # noqa: E402
from graders.selftests.attacks import MARK, Attack  # noqa: E402
from graders.selftests.corpus import compose  # noqa: E402
from graders.selftests.stage import open_up  # noqa: E402

STAGE = Path(__file__).with_name("stage.py")
HONEST = "an_honest_student"
SOMEBODY = 61_998
JOBS = 5
TIMEOUT_S = 150.0
RUN_LIMIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class AttackedClass:
    """What was left after a class was graded: rows, files, and what was printed."""

    out: Path
    printed: str
    entries: Mapping[str, Entry]
    canaries: Path

    def entry(self, attack: Attack) -> Entry:
        """The row of an attack."""
        return self.entries[slug(student_of(shown(attack.student)).name)]

    def files(self, entry: Entry) -> dict[str, bytes]:
        """Everything in a submission's report folder."""
        return {p.name: p.read_bytes() for p in (self.out / "reports" / entry.slug).iterdir()}


def why_not(level: str) -> str:
    """Why a level cannot be tried on this machine; empty if it can."""
    if sys.platform != "linux":
        return "it needs Linux"
    if level == "namespaces":
        return no_namespaces(FIRST)
    if level == "user":
        return (
            _in_stage(lambda: no_user(FIRST)) if is_root() else "only root can give each submission a user of its own"
        )
    return ""


def grade_attacks(attacks: Sequence[Attack], level: str) -> AttackedClass:
    """Compose the class, grade it, gather what is left; the folder is removed at the end of this process."""
    top = Path(tempfile.mkdtemp(prefix="lab-attacks-"))
    top.chmod(0o755)
    for name in ("class", "out", "state", "canaries"):
        (top / name).mkdir()
    (top / "canaries").chmod(0o777)
    uid = SOMEBODY if level == "none" and is_root() else os.getuid()
    (top / "secret.txt").write_text(f"{'PW' + 'NED'} {secrets.token_hex(8)}\n", encoding="ascii")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = {"SECRET": str(top / "secret.txt"), "LAB": str(LAB), "OUT": str(top / "out"), "MARK": MARK}
        words["PORT"] = str(listener.getsockname()[1])
        for attack in attacks:
            words["CANARY"] = str(top / "canaries" / attack.name)
            attack.compose(top / "class" / attack.student, words)
        compose(1, top / "class" / HONEST)
        (top / "secret.txt").chmod(0o600)
        for place in (top / "out", top / "state", top / "secret.txt"):
            os.chown(place, uid, uid)
        printed = _run(top, level, uid)
    found = Ledger(top / "out").entries()
    return AttackedClass(top / "out", printed, found, top / "canaries")


def remove(graded: AttackedClass) -> None:
    """Remove a class with all that it left."""
    shutil.rmtree(graded.out.parent, ignore_errors=True)


def _run(top: Path, level: str, uid: int) -> str:
    command = [
        sys.executable,
        "-I",
        str(Path(__file__)),
        str(top / "class"),
        str(top / "out"),
        level,
        str(top / "state"),
    ]
    if is_root():
        command = [sys.executable, "-I", str(STAGE), str(uid), *command]
    run = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        timeout=RUN_LIMIT_S,
        check=False,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LAB_TEACHERS_TOKEN": "PWNED by the environment", "LANG": "C.UTF-8"},
    )
    assert "Traceback" not in run.stdout, run.stdout[-3000:]
    return run.stdout


def _in_stage(question: object) -> str:
    """The answer to a question asked in a forked child that sees the machine as `stage` shows it."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            open_up()
            os.write(tell, question().encode()[:4000])  # type: ignore[operator]
        finally:
            os._exit(0)
    os.close(tell)
    os.waitpid(pid, 0)
    with os.fdopen(told, encoding="utf-8", errors="replace") as answer:
        return answer.read()


def main() -> None:
    """Grade exercise 1 of a class, each submission once."""
    import asyncio

    from rich.console import Console

    from graders.classroom.progress import Display
    from graders.classroom.run import Options, grade_class
    from graders.commands.grade import broken_packages

    folder, out, level, state = sys.argv[1:]
    options = Options((Path(folder),), Path(out), ("exercise1",), level, TIMEOUT_S, JOBS, state=Path(state), attempts=1)
    assert asyncio.run(broken_packages(options.state)) == {}
    display = Display(Console(highlight=False, markup=False, emoji=False, width=200))
    grade_class(options, display)
    display.end()


if __name__ == "__main__":
    main()
