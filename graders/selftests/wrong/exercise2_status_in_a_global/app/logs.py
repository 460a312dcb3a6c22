"""One line of JSON for each request, and an id that ties a request to everything that is said about it."""

import json
from secrets import token_hex
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

_encode = json.JSONEncoder(default=repr).encode  # made once: json.dumps with options makes one for each line

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,  # whatever is logged while a request runs carries its id
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(lambda event, **_: _encode(event)),
    ],
    logger_factory=structlog.WriteLoggerFactory(),  # to standard output, and flushed after each line
)
status = 500
log = structlog.get_logger().bind()  # bound once: otherwise each line would assemble a logger anew


class RequestLogMiddleware:
    """Gives each request an id, in the header X-Request-ID and in the log, and logs it when it is over."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, then say so."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = perf_counter()
        global status
        status = 500
        request_id = _id_from(scope) or token_hex(16).encode()
        # A context variable belongs to one request; a global would be overwritten by the next one to arrive.
        clear_contextvars()
        bind_contextvars(request_id=request_id.decode("latin-1"))

        async def send_with_id(message: Message) -> None:
            global status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            status = 500
            raise
        finally:
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round((perf_counter() - started) * 1000, 3),
            )


def _id_from(scope: Scope) -> bytes | None:
    """The id that the client sent, if it sent one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and value:
            return bytes(value)
    return None
