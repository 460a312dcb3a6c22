"""Start the service: as many processes as WEB_CONCURRENCY says, on one port that the system shares out."""

import multiprocessing
import os
import signal
import socket
import tempfile

import uvicorn

from app.peers import FOLDER_VARIABLE
from app.settings import settings


def serve() -> None:
    """Be one worker."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((settings.host, settings.port))
    config = uvicorn.Config("app.main:app", workers=1, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    """Start the others, then be one oneself."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER_VARIABLE] = folder
        others = [
            multiprocessing.get_context("spawn").Process(target=serve, daemon=True)
            for _ in range(settings.workers - 1)
        ]
        for other in others:
            other.start()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            serve()
        finally:
            for other in others:
                other.terminate()


if __name__ == "__main__":
    main()
