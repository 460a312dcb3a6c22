"""The wall clock of module `datetime` in virtual time, for the learner's code alone.

Put in place once `app.main` is imported: a class that models were built from must stay the class that they know.
"""

from __future__ import annotations

import datetime
import sys
import types
from pathlib import Path
from typing import Any

from graders.exact import clock

_datetime = datetime.datetime


class _IsADatetime(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _datetime)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _datetime)


class VirtualDatetime(_datetime, metaclass=_IsADatetime):
    """`datetime.datetime`, whose now is the virtual one."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        """The virtual moment, to the microsecond, as the real class has it."""
        return _datetime.fromtimestamp(clock.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        """The same in UTC, without saying so."""
        return _datetime.fromtimestamp(clock.time(), datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        """The same in local time."""
        return cls.now()


def install(root: Path) -> None:
    """Replace the class in the module itself and where the modules below `root` hold it by name."""
    datetime.datetime = VirtualDatetime  # type: ignore[misc]
    below = str(root.resolve())
    for module in list(sys.modules.values()):
        if not isinstance(module, types.ModuleType) or not (getattr(module, "__file__", None) or "").startswith(below):
            continue
        for name, value in list(vars(module).items()):
            if value is _datetime:
                setattr(module, name, VirtualDatetime)
