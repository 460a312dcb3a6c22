"""One line of JSON for each request, formatted by structlog and written by a thread."""

import logging
import sys
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHARED = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(),
]
formatter = structlog.stdlib.ProcessorFormatter(
    foreign_pre_chain=SHARED,
    processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(),
    ],
)
lines: SimpleQueue[logging.LogRecord] = SimpleQueue()
to_stdout = logging.StreamHandler(sys.stdout)
queue_handler = QueueHandler(lines)
queue_handler.setFormatter(formatter)
QueueListener(lines, to_stdout).start()
logging.basicConfig(level=logging.INFO, handlers=[queue_handler])
structlog.configure(
    processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)
log = structlog.get_logger("requests")


class RequestLogMiddleware:
    """Gives each request an id and logs it when it is over, except the readings of the metrics."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, then say so."""
        if scope["type"] != "http" or scope["path"] == "/metrics":
            await self.app(scope, receive, send)
            return
        request_id = dict(scope["headers"]).get(b"x-request-id", uuid4().bytes.hex().encode()).decode("latin-1")
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        log.info("request received", method=scope["method"], path=scope["path"])
        started, status = perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [(b"X-Request-ID", request_id.encode("latin-1")), *message["headers"]]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except BaseException:
            status = 500
            raise
        finally:
            duration_ms = 1000 * (perf_counter() - started)
            log.info("request", method=scope["method"], path=scope["path"], status=status, duration_ms=duration_ms)
