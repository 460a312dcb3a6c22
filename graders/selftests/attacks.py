"""Attacks as submissions: each one file that says what it tries, at which levels it must fail, and what would prove it.

    about = "one sentence"
    base = "carrier"            # or "skeleton", "reference" (of exercise 1)
    levels = ["namespaces"]     # where it must fail; all levels if it is left out
    points = [0, 20]            # least and most points; [0, 0] where work is pretended, [0, 20] if left out
    says = ["phrase"]           # what its author must read
    [files]                     # what differs from the base

An attack that succeeds says PWNED, in an answer that ends up in a report or in what the grading prints; or writes
the file @CANARY@; or leaves a process behind that carries @MARK@. The carrier is the reference with `/health` handing
out what `attempt()` in app/attack.py returns, if it returns anything. Other words that are put in: @SECRET@ (a file
that only the grader's user may read), @LAB@, @OUT@ (the class's output folder), @PORT@ (a port on which this
machine listens outside of the sandbox).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graders.curriculum import SKELETON
from graders.selftests.corpus import compose, overlay

FOLDER = Path(__file__).with_name("attacks")
LEVELS = ("namespaces", "user", "none")
PROOF = "PWNED"
MARK = "lab-attack-mark"
CARRIER = """
import asyncio

from fastapi import FastAPI
from pydantic import BaseModel

from app import attack

app = FastAPI()
found = attack.attempt()


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@app.get("/health")
async def health() -> dict[str, str]:
    proof = found or (attack.again() if hasattr(attack, "again") else "")
    return {"status": "PW" f"NED {proof}" if proof else "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version="1.0.0")
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """One file of the corpus."""

    name: str
    data: Mapping[str, Any]

    @property
    def student(self) -> str:
        """The name under which it is handed in: its own, or an attack too."""
        return str(self.data.get("student", self.name))

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of isolation at which it must fail."""
        return tuple(self.data.get("levels", LEVELS))

    @property
    def points(self) -> tuple[int, int]:
        """The least and the most that it may earn."""
        least, most = self.data.get("points", (0, 20))
        return least, most

    def compose(self, into: Path, words: Mapping[str, str]) -> Path:
        """Write it as a submission."""
        if self.data["base"] == "skeleton":
            overlay(SKELETON, into)
        else:
            compose(1, into)
        if self.data["base"] == "carrier":
            (into / "app/main.py").write_text(CARRIER, encoding="utf-8")
        for name, text in self.data.get("files", {}).items():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_text(_filled(text, words), encoding="utf-8")
        for name, target in self.data.get("links", {}).items():
            (into / name).unlink(missing_ok=True)
            (into / name).symlink_to(_filled(target, words))
        return into


def attacks() -> list[Attack]:
    """The whole corpus, in order."""
    return [Attack(p.stem, tomllib.loads(p.read_text(encoding="utf-8"))) for p in sorted(FOLDER.glob("*.toml"))]


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text
