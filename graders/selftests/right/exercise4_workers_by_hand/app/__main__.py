"""Start the service: as many processes as WEB_CONCURRENCY says, on one port."""

import multiprocessing
import os
import tempfile

from app.peers import FOLDER_VARIABLE
from app.settings import settings
from app.worker import serve


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
        try:
            serve()
        finally:
            for other in others:
                other.terminate()


if __name__ == "__main__":
    main()
