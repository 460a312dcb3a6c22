"""The exact judge as a process: `python -I __main__.py` reads its order from standard input, as JSON.

Events go to standard output, one line each; what the submission prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from graders.exact.child import main


def run() -> None:
    """Read the order, judge, leave without waiting for anybody's threads."""
    order = json.load(sys.stdin)
    events = os.dup(1)
    os.dup2(2, 1)

    def send(event: dict[str, Any]) -> None:
        line = json.dumps(event, default=str).encode() + b"\n"
        while line:
            line = line[os.write(events, line) :]

    main(order, send)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    run()
