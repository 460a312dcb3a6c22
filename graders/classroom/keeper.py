"""Keeps one grading: starts it, hears its report cards, ends everything it started; run as a script.

    python -I keeper.py        its order (`Order`) as JSON on standard input; a `Result` as JSON on standard output

It is a process of its own so that whatever a submission leaves behind becomes its child and nobody else's, and so
that nothing of one grading stays in the process that grades a class. Results stay in its memory until everything
that the submission started is dead.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LAB = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(LAB))

from graders.classroom import bubble  # noqa: E402
from graders.classroom.order import Ended, Level, Order, Result  # noqa: E402
from graders.running import linux, sweep  # noqa: E402
from graders.running.confine import Confinement  # noqa: E402
from graders.tame import tame  # noqa: E402

INSIDE = Path(__file__).with_name("inside.py")
MAX_CARD_BYTES = 16 * 2**20
MAX_PRINTED_BYTES = 256 * 2**10
KILLED_S = 5.0


class Keeper:
    """One grading in progress."""

    def __init__(self, order: Order, scratch: Path) -> None:
        self._order = order
        self._scratch = scratch
        self._printed = bytearray()
        self._pending = bytearray()
        self._card: dict[str, Any] | None = None
        self._code: int | None = None

    def run(self) -> Result:
        """Grade; returns when nothing of it lives any more."""
        began = time.monotonic()
        process, results = self._start()
        ended = self._listen(process, results, began + self._order.timeout_s)
        status = self._end(process, at_once=ended is Ended.TIMEOUT)
        survivors = self._sweep(process.pid)
        if ended is not Ended.TIMEOUT:
            ended = Ended.FINISHED if self._code is not None else Ended.DIED
        return Result(ended, self._card, self._text(), time.monotonic() - began, self._why(ended, status), survivors)

    def _start(self) -> tuple[subprocess.Popen[bytes], int]:
        results, theirs = os.pipe()
        process = subprocess.Popen(
            [*self._sandbox(), sys.executable, "-I", str(INSIDE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd="/",
            pass_fds=(theirs,),
            start_new_session=True,
        )
        os.close(theirs)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(self._inside_order(theirs)).encode())
            process.stdin.close()
        return process, results

    def _sandbox(self) -> list[str]:
        if self._order.level is not Level.NAMESPACES:
            return []
        bwrap = bubble.program()
        assert bwrap is not None
        uid = self._order.uid
        etc = bubble.write_etc(self._scratch / "etc", os.getuid() if uid is None else uid)
        return bubble.command(bwrap, Path(self._order.submission), self._order.name, etc, uid)

    def _inside_order(self, results: int) -> dict[str, Any]:
        is_bubble = self._order.level is Level.NAMESPACES
        submission = str(bubble.CLASS / self._order.name) if is_bubble else self._order.submission
        scratch = bubble.SCRATCH if is_bubble else self._scratch
        expression = " or ".join(self._order.exercises)
        return {
            "uid": self._order.uid if is_bubble else None,
            "own_proc": is_bubble,
            "results": results,
            "facts": {"isolation": self._order.level.value},
            "environment": {
                "PATH": os.environ.get("PATH", os.defpath),
                "LANG": "C.UTF-8",
                "HOME": str(scratch),
                "TMPDIR": str(scratch),
                "LAB_STATE": str(scratch),
                "COLUMNS": "110",
                **self._confinement().to_environment(),
            },
            "packages": _read_json(Path(self._order.state) / "packages.json"),
            "arguments": [
                *("-c", str(LAB / "pyproject.toml"), "--rootdir", str(LAB), "-p", "no:cacheprovider"),
                # pytest wants to rewrite the asserts of its plugins; the lab's are loaded already, and have none.
                *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
                *("--submission", submission, "-k", expression, str(LAB / "tests")),
            ],
        }

    def _confinement(self) -> Confinement:
        match self._order.level:
            case Level.NAMESPACES:
                return bubble.confinement()
            case Level.USER:
                assert self._order.uid is not None
                return Confinement("user", self._order.uid)
        return Confinement("plain")

    def _listen(self, process: subprocess.Popen[bytes], results: int, deadline: float) -> Ended | None:
        """Hear report cards and the printed card until both lines are closed, or the time is over."""
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(results, selectors.EVENT_READ, self._take_results)
            selector.register(process.stdout.fileno(), selectors.EVENT_READ, self._take_printed)
            while selector.get_map():
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return Ended.TIMEOUT
                for key, _ in selector.select(left_s):
                    chunk = os.read(key.fd, 2**20)
                    key.data(chunk)
                    if not chunk:
                        selector.unregister(key.fd)
                if results not in {key.fd for key in selector.get_map().values()}:
                    break  # the grader has ended: what still holds its standard output is a stray
        return None

    def _take_results(self, chunk: bytes) -> None:
        *lines, rest = (bytes(self._pending) + chunk).split(b"\n")
        self._pending = bytearray(rest[:MAX_CARD_BYTES])
        for line in lines:
            with contextlib.suppress(ValueError):
                news = json.loads(line)
                self._card = news.get("card", self._card)
                self._code = news.get("finished", self._code)

    def _take_printed(self, chunk: bytes) -> None:
        self._printed += chunk[: MAX_PRINTED_BYTES - len(self._printed)]

    def _text(self) -> str:
        """What was printed, without folders of this machine."""
        place = f"{bubble.CLASS}/{self._order.name}"
        return tame(self._printed.decode(errors="replace").replace(self._order.submission, place), MAX_PRINTED_BYTES)

    def _end(self, process: subprocess.Popen[bytes], at_once: bool) -> int:
        """The exit status of the grading process, which has a moment to clean up unless its time is over."""
        if not at_once:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(KILLED_S)
        sweep.kill_tree(process.pid)
        return process.wait()

    def _sweep(self, pid: int) -> int:
        """Kill what outlived the grading; the number of strays."""
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        found = sweep.kill_orphans(())
        if self._order.level is Level.USER and self._order.uid is not None:
            kill_user(self._order.uid)
        return found

    def _why(self, ended: Ended, status: int) -> str:
        if ended is Ended.TIMEOUT:
            return f"not done after {self._order.timeout_s:g} s; what had been graded by then counts"
        if ended is Ended.FINISHED:
            return ""
        how = f"signal {-status}" if status < 0 else f"exit code {status}"
        last = " ".join(self._text().strip().splitlines()[-3:])[-400:]
        return f"the grading process ended before its time ({how}){': ' + last if last else ''}"


def kill_user(uid: int) -> None:
    """Kill every process of a user, those too that fork as fast as they are killed: the kernel does it in one go."""
    if sys.platform == "win32":
        return
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    sweep.kill_orphans(())


def remove(folder: Path) -> None:
    """Remove a folder, however deep it is nested."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", str(folder)], check=False, stderr=subprocess.DEVNULL)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def main() -> int:
    """Read the order, keep the grading, tell the result."""
    order = Order.from_json(json.loads(sys.stdin.buffer.read()))
    linux.die_with_parent()
    linux.adopt_orphans()
    linux.hide_memory()
    scratch = Path(tempfile.mkdtemp(prefix="lab-grade-"))
    if order.level is Level.USER:
        scratch.chmod(0o711)  # the submission's own user must reach its own folder below
    try:
        result = Keeper(order, scratch).run()
    finally:
        remove(scratch)
    sys.stdout.write(json.dumps(result.to_json()) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
