"""What a learner's process is shut into before the learner's code runs; called in the freshly forked child.

`open`        the learner's own run: nothing beyond the limits
`plain`       somebody else's work, and no better means: no new privileges, the grader's memory out of reach
`user`        the grader is root: a uid of its own, no groups, no privileges
`namespaces`  a mount and a pid space of its own: an own /tmp and /proc, hidden folders empty, all else read-only
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from graders.running import linux
from graders.running.limits import Limits

Kind = Literal["open", "plain", "user", "namespaces"]
VARIABLE = "LAB_CONFINE"
TMP_OPTIONS = "size=64m,mode=1777"
FIRST_FREE_FD = 3
# As they are before gevent, which `warm_locust` imports later, puts its own in their place.
_FORK: Any = getattr(os, "fork", None)
_WAIT: Any = getattr(os, "wait", None)
_WAITPID: Any = os.waitpid


@dataclass(frozen=True, slots=True)
class Confinement:
    """How children are confined; `uid` for `user`; for `namespaces` the folders that look empty.

    Of these, nobody can write to a `hidden` one, and each child has the `private` ones for itself.
    """

    kind: Kind = "open"
    uid: int = 0
    hidden: tuple[str, ...] = ()
    private: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Confinement:
        """What `LAB_CONFINE` asks for. Raises `ValueError` where it is spoilt."""
        text = environment.get(VARIABLE)
        if not text:
            return cls()
        data = json.loads(text)
        if data["kind"] not in get_args(Kind):
            raise ValueError(f"{VARIABLE}: no confinement is called {data['kind']!r}")
        return cls(data["kind"], int(data["uid"]), tuple(data["hidden"]), tuple(data["private"]))

    def to_environment(self) -> dict[str, str]:
        """The variable that asks for it."""
        return {VARIABLE: json.dumps(asdict(self))}

    def enter(self, folder: Path | None) -> None:
        """Shut this process in; returns in the process that may run the learner's code.

        `folder` is the one place, besides a temporary folder, that it may write to. Raises `OSError` where the
        system refuses: then nothing of the learner's may run.
        """
        if self.kind == "open":
            linux.die_with_parent()
            return
        if folder is not None:
            home = folder / "home"
            home.mkdir(exist_ok=True)
            os.environ.update(dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), str(home)))
        if self.kind == "user":
            self._become_user(folder)
        elif self.kind == "namespaces":
            self._enter_namespaces(folder)
        linux.hide_memory(False)  # of the learner's own process, which may look at itself
        if linux.IS_LINUX:
            linux.prctl(linux.NO_NEW_PRIVILEGES, 1)
        if self.kind != "namespaces":  # there, the end of its pid space ends it
            linux.die_with_parent()

    @property
    def most_processes(self) -> int | None:
        """The kernel's own limit on processes and threads; `None` where it would count somebody else's too."""
        return 8 * Limits().processes if self.kind in ("user", "namespaces") else None

    def _become_user(self, folder: Path | None) -> None:
        if folder is not None:
            hand_over(folder, self.uid)
        if sys.platform != "win32":
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)

    def _enter_namespaces(self, folder: Path | None) -> None:
        """Fork twice: this process stays outside and passes on how the inner one ended; the middle one is its init."""
        told, tell = os.pipe()
        linux.hide_memory(False)  # else the kernel keeps this process from its own uid_map
        uid, gid = os.getuid(), os.getgid()
        linux.unshare(linux.NEW_USER | linux.NEW_MOUNTS | linux.NEW_PIDS | linux.NEW_IPC)
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
        init = _FORK()
        if init:
            os.close(tell)
            _pass_on(told, init)
        os.close(told)
        linux.die_with_parent()
        self._rearrange(folder)
        inner = _FORK()
        if inner:
            _be_init(tell, inner)
        os.close(tell)
        linux.drop_capabilities()

    def _rearrange(self, folder: Path | None) -> None:
        """Make what must not be seen or touched disappear; needs the capabilities of the new user namespace."""
        linux.mount("none", "/", None, linux.RECURSIVE | linux.PRIVATE)
        own = os.open(folder, os.O_PATH | os.O_DIRECTORY) if folder is not None else -1
        for place in self.private:
            linux.mount("tmpfs", place, "tmpfs", linux.NO_SUID | linux.NO_DEV, TMP_OPTIONS)
        if folder is not None:
            folder.mkdir(parents=True)
            linux.mount(f"/proc/self/fd/{own}", str(folder), None, linux.BIND)
            os.close(own)
        for hidden in self.hidden:
            if Path(hidden).is_dir():
                linux.mount(
                    "tmpfs", hidden, "tmpfs", linux.READ_ONLY | linux.NO_SUID | linux.NO_DEV, "size=4k,mode=755"
                )
        linux.mount("proc", "/proc", "proc", linux.NO_SUID | linux.NO_DEV | linux.NO_EXEC)
        os.chdir(folder or "/")


def hand_over(folder: Path, uid: int) -> None:
    """Make a fresh folder of the grader's, with its files, the learner's. Links and what has other owners are left."""
    if folder.lstat().st_uid != os.getuid():
        return  # handed over before: what is in it now may be a trap
    for place, _, files in os.walk(folder):
        for name in files:
            status = os.lstat(os.path.join(place, name))  # noqa: PTH118
            if status.st_uid == os.getuid() and status.st_nlink == 1:
                os.chown(os.path.join(place, name), uid, uid, follow_symlinks=False)  # noqa: PTH118
        os.chown(place, uid, uid, follow_symlinks=False)


def _pass_on(told: int, init: int) -> NoReturn:
    """Outside of the namespaces: wait for the end, then end in the same way."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the inner process, which is in the same group
    os.dup2(told, FIRST_FREE_FD)
    os.closerange(FIRST_FREE_FD + 1, os.sysconf("SC_OPEN_MAX"))
    status = b""
    while len(status) < 4 and (chunk := os.read(FIRST_FREE_FD, 4)):
        status += chunk
    _WAITPID(init, 0)
    code = os.waitstatus_to_exitcode(struct.unpack("i", status)[0]) if len(status) == 4 else -signal.SIGKILL
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [-code])
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


def _be_init(tell: int, inner: int) -> NoReturn:
    """The first process of the pid space: reap what is orphaned, and end, with everything in it, when `inner` ends."""
    os.dup2(tell, FIRST_FREE_FD)
    os.closerange(FIRST_FREE_FD + 1, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")
    linux.drop_capabilities()
    while True:
        pid, status = _WAIT()
        if pid == inner:
            os.write(FIRST_FREE_FD, struct.pack("i", status))
            os._exit(0)
