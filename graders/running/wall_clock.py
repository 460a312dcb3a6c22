"""In the child process: a wall clock that jumps while a request is in flight. Monotonic clocks go on as ever.

Setting the machine's clock is no business of a lab, so the functions that read it are replaced, also where the
learner's code has taken them by name: `from time import time` holds on to the function itself.
"""

import asyncio
import datetime
import gc
import sys
import time
import types
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from fastapi import Header
from fastapi.responses import JSONResponse

_offset_s = 0.0
_is_replaced = False
_datetime: TypeAlias = datetime.datetime
_time, _time_ns = time.time, time.time_ns
_clock_gettime: Any = getattr(time, "clock_gettime", None)  # not on Windows


async def jump(
    delay_ms: Annotated[float, Header(alias="x-lab-delay-ms")],
    by_s: Annotated[float, Header(alias="x-lab-jump-s")],
) -> JSONResponse:
    """Wait half of the time, let the wall clock jump, wait the other half; tell how long both took."""
    global _offset_s
    began_s = time.monotonic()
    await asyncio.sleep(delay_ms / 2000)
    _replace()
    _offset_s += by_s
    await asyncio.sleep(delay_ms / 2000)
    return JSONResponse({"began_s": began_s, "ended_s": time.monotonic()})


def _jumped_time() -> float:
    return _time() + _offset_s


def _jumped_time_ns() -> int:
    return _time_ns() + int(_offset_s * 10**9)


def _jumped_clock_gettime(clock: int) -> Any:
    return _clock_gettime(clock) + (_offset_s if clock == time.CLOCK_REALTIME else 0.0)


class _IsADatetime(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _datetime)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _datetime)


class _JumpedDatetime(_datetime, metaclass=_IsADatetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return _datetime.now(tz) + datetime.timedelta(seconds=_offset_s)

    @classmethod
    def utcnow(cls) -> Any:
        return _datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(seconds=_offset_s)


def _replace() -> None:
    global _is_replaced
    if _is_replaced:
        return
    _is_replaced = True
    jumped: dict[str, Any] = {"time": _jumped_time, "time_ns": _jumped_time_ns}
    if _clock_gettime is not None:
        jumped["clock_gettime"] = _jumped_clock_gettime
    for name, function in jumped.items():
        real = getattr(time, name)
        setattr(time, name, function)
        _replace_everywhere(real, function)
    datetime.datetime = _JumpedDatetime  # type: ignore[misc]
    for module in _learners_modules():
        for name, value in vars(module).items():
            if value is _datetime:
                setattr(module, name, _JumpedDatetime)


def _learners_modules() -> list[types.ModuleType]:
    below = str(Path.cwd()) + "/"
    found = [m for m in sys.modules.values() if (getattr(m, "__file__", None) or "").startswith(below)]
    return [m for m in found if isinstance(m, types.ModuleType)]


def _replace_everywhere(real: Any, jumped: Any) -> None:
    """In modules, instances, closures and defaults, but not here.

    No comprehension speaks of `real`: it would keep it in a cell, and that cell would be replaced like any other.
    """
    for holder in gc.get_referrers(real):
        if holder is globals():
            continue
        if isinstance(holder, dict):
            for key, value in list(holder.items()):
                if value is real:
                    holder[key] = jumped
        elif isinstance(holder, types.CellType):
            holder.cell_contents = jumped
        elif isinstance(holder, tuple):
            _replace_in_defaults(holder, real, jumped)
        elif not isinstance(holder, types.FrameType | types.ModuleType | list):
            _replace_in_instance(holder, real, jumped)


def _replace_in_defaults(defaults: tuple[Any, ...], real: Any, jumped: Any) -> None:
    changed = tuple(map({id(real): jumped}.get, map(id, defaults), defaults))
    for function in gc.get_referrers(defaults):
        if isinstance(function, types.FunctionType) and function.__defaults__ is defaults:
            function.__defaults__ = changed


def _replace_in_instance(instance: Any, real: Any, jumped: Any) -> None:
    names = list(getattr(instance, "__dict__", {}))
    for kind in type(instance).__mro__:
        slots = vars(kind).get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    for name in names:
        if getattr(instance, name, None) is real:
            setattr(instance, name, jumped)
