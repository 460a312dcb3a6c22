"""Start the service with its workers: `python -m app`. All settings come from the environment."""

import os
import tempfile

import uvicorn

from app.peers import FOLDER_VARIABLE
from app.settings import settings


def main() -> None:
    """Serve until told to stop."""
    # The workers tell one another their metrics; they find each other in a folder that lives as long as they do.
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        os.environ[FOLDER_VARIABLE] = folder  # workers inherit the environment
        uvicorn.run(
            "app.main:app",  # a name and no object: each worker is a fresh process and imports the application itself
            host=settings.host,
            port=18417,
            workers=settings.workers,
            access_log=False,  # the service writes a request log of its own
        )


# `python -m app` serves; who merely imports this module gets a function.
if __name__ == "__main__":
    main()
