"""What a feature store can do to its callers, good and bad, as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

FEATURES = {"feature_1": 1.5, "feature_2": 2.5}


class Manner(StrEnum):
    """How a reply goes over the wire."""

    WHOLE = "whole"
    NEVER = "never"
    DRIPPED = "dripped"
    HUNG_UP = "hung up"
    CUT_OFF = "cut off"
    NOT_HTTP = "not HTTP"


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: after `delay_s` seconds, or spread over so many where it is dripped."""

    status: int = 200
    body: bytes = json.dumps(FEATURES).encode()
    content_type: str = "application/json"
    delay_s: float = 0.0
    manner: Manner = Manner.WHOLE

    @property
    def on_the_wire(self) -> bytes:
        """Status line, headers and body; of a reply that is cut off, only a part."""
        if self.manner is Manner.NOT_HTTP:
            return self.body
        head = (
            f"HTTP/1.1 {self.status} {'OK' if self.status == 200 else 'Trouble'}\r\n"
            f"content-type: {self.content_type}\r\ncontent-length: {len(self.body)}\r\n\r\n"
        ).encode()
        whole = head + self.body
        return whole[: -len(self.body) // 2] if self.manner is Manner.CUT_OFF else whole


def after(delay_s: float) -> Reply:
    """Both features, `delay_s` seconds after the request."""
    return Reply(delay_s=delay_s)


def of_json(value: Any) -> Reply:
    """200 with this value as JSON, whatever its shape."""
    return Reply(body=json.dumps(value).encode())


def of_text(text: str) -> Reply:
    """200 with a page where JSON was expected."""
    return Reply(body=text.encode(), content_type="text/html")


def of_status(status: int) -> Reply:
    """An error status with JSON of its own."""
    return Reply(status=status, body=b'{"detail": "said by the store"}')


HANGS = Reply(manner=Manner.NEVER)
HANGS_UP = Reply(manner=Manner.HUNG_UP)
CUTS_OFF = Reply(manner=Manner.CUT_OFF)
SPEAKS_OTHERWISE = Reply(body=b"220 ready for mail\r\n\r\n", manner=Manner.NOT_HTTP)


def dripped(over_s: float) -> Reply:
    """Both features, a few bytes at a time, so that each wait is short and the whole is long."""
    return Reply(delay_s=over_s, manner=Manner.DRIPPED)
