"""What a teacher would write without the lab: start the service, three checks, best of three. For `verdict_time.py`.

Run by pytest with LAB_SUBMISSION set; it is not part of any suite.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

PAYLOAD = {"feature_1": 1.0, "feature_2": 2.0}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port), "--log-level", "warning"]
    service = subprocess.Popen(command, cwd=os.environ["LAB_SUBMISSION"])
    base = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            httpx.get(base + "/health")
            break
        except httpx.HTTPError:
            time.sleep(0.05)
    yield base
    service.terminate()
    service.wait()


def test_health(url: str) -> None:
    assert httpx.get(url + "/health").json()["status"] == "healthy"


def test_predict(url: str) -> None:
    assert set(httpx.post(url + "/predict", json=PAYLOAD).json()) == {"prediction", "model_version"}


async def test_five(url: str) -> None:
    best = float("inf")
    for _ in range(3):
        async with httpx.AsyncClient(base_url=url) as client:
            began = time.perf_counter()
            answers = await asyncio.gather(*(client.post("/predict", json=PAYLOAD) for _ in range(5)))
            best = min(best, time.perf_counter() - began)
            assert all(answer.status_code == 200 for answer in answers)
    assert best < 0.2
