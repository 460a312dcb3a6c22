"""A command run as somebody else on this machine, in a view of it where that somebody can reach Python and the lab.

    python -I stage.py UID PROGRAM ARGUMENT...        as root; UID 0 stays root

Where the interpreter or the lab lies below a folder that only root may enter (such as /root), a private mount
namespace shows these, and nothing else of that folder, to everybody. Outside of it nothing changes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

LAB = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(LAB))

from graders.running import linux  # noqa: E402

HELD = Path("/tmp/lab-stage")


def closed_folder(place: Path) -> Path | None:
    """The topmost folder on the way to a place that others may not enter."""
    ways = [p for p in reversed([place, *place.parents]) if p.is_dir()]
    return next((p for p in ways if not p.stat().st_mode & 0o001), None)


def needed() -> list[Path]:
    """The folders that whoever runs the lab must be able to read."""
    places = {Path(sys.prefix), Path(sys.base_prefix), LAB}
    return sorted(p for p in places if not any(q in p.parents for q in places))


def open_up() -> None:
    """Enter a private mount namespace in which every needed folder can be reached."""
    closed = {place: folder for place in needed() if (folder := closed_folder(place)) is not None}
    if not closed:
        return
    linux.unshare(linux.NEW_MOUNTS)
    linux.mount("none", "/", None, linux.RECURSIVE | linux.PRIVATE)
    HELD.mkdir(exist_ok=True)
    linux.mount("tmpfs", str(HELD), "tmpfs", 0, "mode=755")
    for number, place in enumerate(closed):
        (HELD / str(number)).mkdir()
        linux.mount(str(place), str(HELD / str(number)), None, linux.BIND | linux.RECURSIVE)
    for folder in set(closed.values()):
        linux.mount("tmpfs", str(folder), "tmpfs", 0, "mode=755")
    for number, place in enumerate(closed):
        place.mkdir(parents=True, exist_ok=True)
        linux.mount(str(HELD / str(number)), str(place), None, linux.BIND | linux.RECURSIVE)


def main() -> None:
    """Arrange the view, become the user, run the command."""
    uid = int(sys.argv[1])
    open_up()
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
