"""A process that has the frameworks imported and forks one child per start; run as a script, never imported by the lab.

    python -I warm.py FD SCRATCH            POSIX: wait for orders on this socket, fork for each
    python -I warm.py --once PORT TOKEN     elsewhere: be the child oneself, connected over loopback

An order is four bytes of length and a JSON object `{"entry": "module:function", "spec": {...}}`; with it travel a
socket for the child's fate, the child's control socket and, for a service, its listening socket. The fate (process
id, exit code, signal, peak memory) is told by this process; the child does not have that socket. A length of zero is
the lab's farewell. Where the socket closes without one, the lab was killed, and its scratch folder is removed here.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import inspect
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LAB = str(Path(__file__).resolve().parents[2])
sys.path.insert(0, LAB)

from graders.running import linux, sweep  # noqa: E402
from graders.running.confine import VARIABLE, Confinement  # noqa: E402
from graders.running.control import NO_ORDER, Control  # noqa: E402
from graders.running.limits import LOOK_EVERY_S, Excess, Limits, Overseer, limit_this_process  # noqa: E402

PRELOAD = (
    "graders.running.serve",
    "graders.running.reference",
    "httptools",
    "uvloop",
    "psutil",
    "pydantic.v1",  # and what else FastAPI, uvicorn and AnyIO import late, at a first route, a start, a first request
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
    "anyio._backends._asyncio",
)
TRUSTED = frozenset({"graders.running.packages:main", "graders.running.zoo_serve:main"})
"""Entries that run the lab's own code and none of the learner's."""


def preload(names: Iterable[str]) -> None:
    """Import what children need, so that a start costs milliseconds, and have no collection look at it again."""
    missing = [name for name in names if name not in sys.modules]
    if not missing:
        return
    gc.disable()  # everything that is imported stays: to look through it meanwhile costs a seventh of the time
    for name in missing:
        with contextlib.suppress(Exception):  # whoever needs it will hear why it cannot be imported
            importlib.import_module(name)
    with contextlib.suppress(OSError):
        inspect.getsourcelines(preload)  # as FastAPI does for a route's first request: compiles a long pattern
    gc.enable()
    gc.collect()
    gc.freeze()


class Warm:
    """The forking process: its orders, its children, their ends."""

    def __init__(self, orders: socket.socket, scratch: Path, confinement: Confinement) -> None:
        self._orders = orders
        self._scratch: Path | None = scratch
        self._confinement = confinement
        self._children: dict[int, socket.socket] = {}
        self._overseers: dict[int, Overseer] = {}
        self._excesses: dict[int, Excess] = {}
        self._looked_at = 0.0
        self._wake, self._wake_writer = socket.socketpair()
        for end in (self._wake, self._wake_writer):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_writer.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the lab, which then closes the orders

    def run(self) -> None:
        """Serve orders until the lab closes the socket or dies; leave nothing running."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._orders, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            alive = True
            while alive:
                for key, _ in selector.select(LOOK_EVERY_S if self._overseers else None):
                    if key.fileobj is self._wake:
                        with contextlib.suppress(BlockingIOError):
                            self._wake.recv(4096)
                        self._reap()
                    elif not self._take_order():
                        alive = False
                self._look()
        self._end_all()

    def _take_order(self) -> bool:
        try:
            head, fds, _, _ = socket.recv_fds(self._orders, 4, 8)
            if len(head) < 4:
                return False
            if head == NO_ORDER:
                self._scratch = None  # the lab is alive, and may read there until it removes it
                return False
            payload = b""
            while len(payload) < int.from_bytes(head, "big"):
                payload += self._orders.recv(int.from_bytes(head, "big") - len(payload))
        except OSError:
            return False
        order = json.loads(payload)
        preload(order["spec"].get("preload", ()))
        fate = socket.socket(fileno=fds.pop(0))
        pid = os.fork()
        if pid == 0:
            fate.close()
            self._become(order, fds)
        for fd in fds:
            os.close(fd)
        self._children[pid] = fate
        if not _is_trusted(order):
            self._overseers[pid] = Overseer(pid, _folder(order), Limits())
        Control(fate).send("forked", pid=pid)
        return True

    def _become(self, order: dict[str, Any], fds: list[int]) -> None:
        """In the forked child: forget the parent's business and run the entry."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            self._orders.close()
            self._wake.close()
            self._wake_writer.close()
            for other in self._children.values():
                other.close()
            for fd in fds:
                os.set_inheritable(fd, False)  # what came through a socket is inherited unless told otherwise
            control, *listeners = (socket.socket(fileno=fd) for fd in fds)
            run_entry(order, control, listeners, Confinement() if _is_trusted(order) else self._confinement)
            status = 0
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _look(self) -> None:
        """Kill who uses more than the limits allow; the reason is told with the end."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        for pid, overseer in self._overseers.items():
            excess = overseer.look()
            if excess is not None:
                self._excesses.setdefault(pid, excess)
                sweep.kill_tree(pid)
        self._looked_at = time.monotonic()

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            fate = self._children.pop(pid, None)
            if fate is None:
                continue  # an orphan of a child's, handed to this process
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
            sweep.kill_orphans(self._children)
            excess = self._excesses.pop(pid, None)
            self._overseers.pop(pid, None)
            scale = 2**20 if sys.platform == "darwin" else 2**10
            code = os.waitstatus_to_exitcode(status)
            Control(fate).send(
                "exited",
                code=code if code >= 0 else None,
                signal=-code if code < 0 else None,
                peak_mib=round(usage.ru_maxrss / scale),
                cpu_s=round(usage.ru_utime + usage.ru_stime, 3),
                limit=excess.text if excess else None,
            )
            fate.close()

    def _end_all(self) -> None:
        """Kill what is left at the end of a run: nothing more is asked of it, and the learner waits."""
        for pid in self._children:
            sweep.kill_tree(pid)
        sweep.kill_orphans(())
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def run_entry(
    order: dict[str, Any], control: socket.socket, listeners: list[socket.socket], confinement: Confinement
) -> None:
    """Set the process up as the order says, shut it in and call its entry."""
    spec = order["spec"]
    limit_this_process(confinement.most_processes)
    _put(os.open(os.devnull, os.O_RDONLY), 0)
    if output := spec.get("output"):
        fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
        _put(fd, 1, 2)
    os.environ.update(spec.get("env", {}))
    try:
        confinement.enter(_folder(order))
    except OSError as error:
        Control(control).send("unconfined", why=str(error))
        raise
    module, function = order["entry"].split(":")
    getattr(importlib.import_module(module), function)(spec, Control(control), *listeners)


def _put(fd: int, *places: int) -> None:
    """Make an open file one of the standard ones, and nothing else."""
    for place in places:
        os.dup2(fd, place)
    if fd not in places:
        os.close(fd)


def _is_trusted(order: dict[str, Any]) -> bool:
    return order["entry"] in TRUSTED or order["spec"].get("app") == "reference"


def _folder(order: dict[str, Any]) -> Path | None:
    """The one folder that a child may write to: the one in which its output lies."""
    output = order["spec"].get("output")
    return Path(output).parent if output else None


def serve_orders(fd: int, scratch: str) -> None:
    """Be the forking process."""
    confinement = Confinement.from_environment(os.environ)
    os.environ.pop(VARIABLE, None)
    if confinement.kind != "open":
        linux.hide_memory()
    with contextlib.suppress(OSError):
        linux.adopt_orphans()
    orders = socket.socket(fileno=fd)
    preload(PRELOAD)
    Warm(orders, Path(scratch), confinement).run()
    os._exit(0)  # without taking a hundred modules apart first


def serve_once(port: int, token: str) -> None:
    """Be the child: where a process cannot be forked, each start pays for its imports."""
    control = socket.create_connection(("127.0.0.1", port))
    control.sendall(token.encode() + b"\n")
    with control.makefile("rb", buffering=0) as lines:  # what comes after the order is not for this reader
        order = json.loads(lines.readline())
    listeners = []
    if order["spec"].get("listen"):
        listeners.append(socket.create_server(("127.0.0.1", 0)))
        Control(control).send("bound", port=listeners[0].getsockname()[1])
    Control(control).send("forked", pid=os.getpid())
    run_entry(order, control, listeners, Confinement())


if __name__ == "__main__":
    if sys.argv[1] == "--once":
        serve_once(int(sys.argv[2]), sys.argv[3])
    else:
        serve_orders(int(sys.argv[1]), sys.argv[2])
