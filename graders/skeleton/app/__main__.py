"""Start the service: `python -m app`. HOST, PORT and everything else that can be tuned come from the environment.

Exercise 4 works here, in the files that its TODOs name, and in a few lines of app/main.py.
When you think that a step is done: `uv run pytest -k exercise4`.
"""

import os

import uvicorn


def main() -> None:
    """Serve until told to stop."""
    uvicorn.run(
        "app.main:app",
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8000")),
        # TODO (lessons/exercise4.md, step 2): as many workers as WEB_CONCURRENCY says; where it is not set, one for
        # each core that this process may use.
        workers=1,
        access_log=False,
    )


# `python -m app` serves; who merely imports this module gets a function.
if __name__ == "__main__":
    main()
