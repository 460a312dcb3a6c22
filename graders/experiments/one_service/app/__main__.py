"""Start the service with as many workers as WEB_CONCURRENCY says."""

import os

import uvicorn

if __name__ == "__main__":
    uvicorn.run(
        "app.main:app",
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        workers=int(os.environ["WEB_CONCURRENCY"]),
        access_log=False,
        log_level="warning",
    )
