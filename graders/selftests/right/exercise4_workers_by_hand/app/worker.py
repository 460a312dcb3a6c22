"""One worker: a process with a listening socket of its own; the system shares the port out among them."""

import socket

import uvicorn

from app.settings import settings


def serve() -> None:
    """Be one worker."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((settings.host, settings.port))
    config = uvicorn.Config("app.main:app", workers=1, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])
