"""Curves in plain characters, one below the other on the same scale, so that the eye can compare them."""

from __future__ import annotations

import math

from graders.measuring.tuning_pictures import Curve, Curves
from graders.reporting.bars import PRETTY, BarGlyphs

HEIGHT = 6


def curves(picture: Curves, width: int = 84, glyphs: BarGlyphs = PRETTY) -> list[str]:
    """Draw each curve in lines of at most `width` characters; points without a value lie on the ground."""
    points = [point for curve in picture.curves for point in curve.points]
    if not points:
        return ["(nothing was measured)"]
    most_x = max(x for x, _ in points) or 1.0
    most_y = max((y for _, y in points if y is not None), default=1.0) or 1.0
    columns = max(20, width - 12)
    lines: list[str] = []
    for curve in picture.curves:
        lines += [curve.name, *_plot(curve, most_x, most_y, columns, glyphs)]
    lines.append(f"{'':9} 0{f'{most_x:.1f} {picture.x}':>{columns - 1}}")
    lines.append(f"{glyphs.point} {picture.y}  {glyphs.none} {picture.none}")
    return lines


def _plot(curve: Curve, most_x: float, most_y: float, columns: int, glyphs: BarGlyphs) -> list[str]:
    grid = [[" "] * columns for _ in range(HEIGHT + 1)]
    for x, y in curve.points:
        column = min(columns - 1, int(columns * x / most_x))
        if y is None:
            if grid[HEIGHT][column] == " ":
                grid[HEIGHT][column] = glyphs.none
        else:
            grid[min(HEIGHT - 1, HEIGHT - math.ceil(HEIGHT * y / most_y))][column] = glyphs.point
    numbers = {0: f"{most_y:.2f}", HEIGHT // 2: f"{most_y / 2:.2f}"}
    return [f"{numbers.get(row, ''):>8} {glyphs.thin}{''.join(cells).rstrip()}" for row, cells in enumerate(grid)]
