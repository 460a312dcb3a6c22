"""Every report format by name: one card in, one text out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from graders.files import write_atomically
from graders.reporting.classroom50 import classroom50
from graders.reporting.exercism import exercism
from graders.reporting.github import github
from graders.reporting.gradescope import gradescope
from graders.reporting.html import html
from graders.reporting.markdown import markdown
from graders.verdict import ReportCard


def as_json(card: ReportCard) -> str:
    """The `json` report (contract); no NaN, ever."""
    return json.dumps(_finite(card.to_json()), indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def _finite(value: Any) -> Any:
    """The same data with null for every number that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


FORMATS: Mapping[str, Callable[[ReportCard], str]] = {
    "json": as_json,
    "markdown": markdown,
    "html": html,
    "gradescope": gradescope,
    "github": github,
    "classroom50": classroom50,
    "exercism": exercism,
}


def parse_request(text: str) -> tuple[str, Path]:
    """Read FORMAT=PATH; `ValueError` with what is wrong and which formats there are."""
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise ValueError(f"--lab-report {text}: expected FORMAT=PATH, such as json=report.json")
    if name not in FORMATS:
        raise ValueError(f"--lab-report {text}: no format is called {name!r}; there are {', '.join(FORMATS)}")
    return name, Path(path)


def write_reports(card: ReportCard, requests: Mapping[Path, str]) -> list[str]:
    """Write each requested report; returns a sentence for each one that could not be written."""
    troubles = []
    for path, name in requests.items():
        try:
            write_atomically(path, FORMATS[name](card))
        except OSError as error:
            troubles.append(f"{path}: the {name} report could not be written: {error.strerror or error}")
    return troubles
