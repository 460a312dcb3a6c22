"""A load test: users against throughput and p95, the objective, the knee, and both breaking points."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from graders.measuring.objective import MAX_FAILURE_RATIO, P95_OBJECTIVE_MS, LoadStep
from graders.reporting.html.picture import Data, Drawn, Table
from graders.reporting.html.svg import Axis, joined, miniature, plot, share, tag

PANEL = 110
GAP = 46
TOP = 22


def draw_load_steps(data: Data, evidence: Data) -> Drawn:
    """Two panels on the same steps: requests per second above, p95 with the objective below."""
    steps = [LoadStep.from_json(step) for step in data["steps"]]
    if not steps:
        raise ValueError("a load test without steps")
    reported, recorded = data["reported"], data["recorded"]
    rps = Axis.covering(max([s.rps for s in steps] + [1.0]), 4)
    p95 = Axis.covering(max([s.p95_ms or 0.0 for s in steps] + [1.6 * P95_OBJECTIVE_MS]), 4)
    second = TOP + PANEL + GAP
    parts = [
        _panel(steps, [s.rps for s in steps], rps, TOP, "requests per second"),
        _panel(steps, [s.p95_ms or 0.0 for s in steps], p95, second, "p95, ms"),
        _objective(p95, second),
        _users(steps, second + PANEL),
        _breaking(steps, reported, recorded, second + PANEL),
    ]
    says = _sentence(steps, reported, recorded)
    legend = [
        ("work", "a step that meets the objective"),
        ("limit", f"objective: p95 at most {P95_OBJECTIVE_MS:.0f} ms"),
    ]
    if any(not s.meets for s in steps):
        legend.insert(1, ("bad", "a step that misses it"))
    return Drawn(plot("load", says, second + PANEL + 56, *parts), _mini(steps), says, _table(steps), tuple(legend))


def _panel(steps: Sequence[LoadStep], values: Sequence[float], axis: Axis, top: float, name: str) -> Markup:
    parts = [tag("text", name, class_="strong", x=0, y=top - 9)]
    for mark in axis.marks:
        y = top + PANEL * (1 - mark / axis.span)
        parts.append(tag("line", class_="grid", x1="0%", x2="100%", y1=y, y2=y))
        parts.append(tag("text", f"{mark:g}", class_="tick", x=0, y=y + 4, dx=-8, text_anchor="end"))
    for index, (step, value) in enumerate(zip(steps, values, strict=True)):
        height = PANEL * min(1.0, value / axis.span)
        parts.append(
            tag(
                "rect",
                class_="work" if step.meets else "bad",
                x=share(index + 0.16, len(steps)),
                width=share(0.68, len(steps)),
                y=top + PANEL - height,
                height=max(height, 1.0),
                rx=1.5,
            )
        )
    return joined(parts)


def _objective(axis: Axis, top: float) -> Markup:
    y = top + PANEL * (1 - P95_OBJECTIVE_MS / axis.span)
    return joined(
        [
            tag("line", class_="limit", x1="0%", x2="100%", y1=y, y2=y),
            tag("text", f"{P95_OBJECTIVE_MS:.0f} ms", class_="limit-name", x="100%", y=y + 4, dx=6),
        ]
    )


def _users(steps: Sequence[LoadStep], top: float) -> Markup:
    every = max(1, -(-len(steps) // 12))
    parts = [
        tag("text", str(step.users), class_="tick", x=_middle(index, steps), y=top + 15, text_anchor="middle")
        for index, step in enumerate(steps)
        if index % every == 0 or index == len(steps) - 1
    ]
    parts.append(tag("text", "users", class_="tick", x="100%", y=top + 15, dx=8))
    return joined(parts)


def _breaking(steps: Sequence[LoadStep], reported: float | None, recorded: float | None, top: float) -> Markup:
    found = {name: _nearest(steps, users) for name, users in (("your report", reported), ("the service", recorded))}
    parts = []
    same = found["your report"] == found["the service"]
    for lane, (name, index) in enumerate(found.items()):
        if index is None or (same and lane):
            continue
        text = "▲ your report and the service" if same else f"▲ {name}"
        anchor = "start" if index < len(steps) / 3 else "end" if index > 2 * len(steps) / 3 else "middle"
        at = share(index + (0.16, 0.5, 0.84)[("start", "middle", "end").index(anchor)], len(steps))
        parts.append(tag("text", text, class_="strong", x=at, y=top + 32 + 15 * lane, text_anchor=anchor))
    return joined(parts)


def _nearest(steps: Sequence[LoadStep], users: float | None) -> int | None:
    if users is None:
        return None
    return min(range(len(steps)), key=lambda i: abs(steps[i].users - users))


def _middle(index: int, steps: Sequence[LoadStep]) -> str:
    return share(index + 0.5, len(steps))


def _sentence(steps: Sequence[LoadStep], reported: float | None, recorded: float | None) -> str:
    best = max(steps, key=lambda step: step.rps)
    misses = [step for step in steps if not step.meets]
    text = f"{len(steps)} steps from {steps[0].users} to {max(s.users for s in steps)} users; "
    text += f"at most {best.rps:.0f} requests/s, at {best.users} users."
    if misses:
        why = (
            "p95"
            if (misses[0].p95_ms or 0.0) > P95_OBJECTIVE_MS
            else f"more than {100 * MAX_FAILURE_RATIO:.0f} % failed"
        )
        text += f" The first miss is at {misses[0].users} users ({why})."
    told = {"your report": reported, "the service's own record": recorded}
    return text + " Breaking point: " + ", ".join(f"{who} says {_number(users)}" for who, users in told.items()) + "."


def _number(users: float | None) -> str:
    return "none" if users is None else f"{users:g} users"


def _mini(steps: Sequence[LoadStep]) -> Markup:
    most = max((step.rps for step in steps), default=1.0) or 1.0
    return miniature(
        *(
            tag(
                "rect",
                class_="work" if step.meets else "bad",
                x=share(index + 0.1, len(steps)),
                width=share(0.8, len(steps)),
                y=20 - max(1.0, 20 * step.rps / most),
                height=max(1.0, 20 * step.rps / most),
            )
            for index, step in enumerate(steps)
        )
    )


def _table(steps: Sequence[LoadStep]) -> Table:
    rows = tuple(
        (
            str(step.users),
            f"{step.rps:.1f}",
            "none" if step.p95_ms is None else f"{step.p95_ms:.0f}",
            f"{100 * step.failure_ratio:.1f} %",
            "yes" if step.meets else "no",
        )
        for step in steps
    )
    return Table(("users", "requests/s", "p95, ms", "failed", "meets the objective"), rows)
