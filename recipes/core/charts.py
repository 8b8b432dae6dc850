"""Charts as inline SVG: no script, no outside resource, colours from the page's style."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seg_datasets.core.report.kit import text
from seg_datasets.core.report.sections import percent

WIDTH, HEIGHT = 460, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 28
SIDE = 300  # of the reliability plot
SHARES = 46  # height of the strip under it


def lines(
    xs: Sequence[float],
    series: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    low: float | None = None,
    high: float | None = None,
    mark: float | None = None,
    marked: str = "",
    gaps: bool = True,
) -> str:
    """A line chart with a legend; a value that is None or no number leaves a gap.

    Args:
      xs: positions, ascending.
      series: a name and its values, one per position.
      title: what is drawn.
      low: lower end of the value axis; the least value when None.
      high: upper end; the greatest value when None.
      mark: a position that is marked by an upright line.
      marked: what is there.
      gaps: whether None leaves one; else it only says that another series was measured there.
    """
    runs = {name: [*_runs(xs, ys, gaps=gaps)] for name, ys in series.items()}
    values = [y for some in runs.values() for run in some for _, y in run]
    if not values:
        return ""
    ticks = _ticks(min(values) if low is None else low, max(values) if high is None else high)
    low, high = ticks[0], ticks[-1]
    first, last = min(xs), max(xs)
    reach = (last - first) or 1.0

    def across(x: float) -> float:
        return LEFT + (x - first) / reach * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        return TOP + (1 - (min(max(y, low), high) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(title)}">']
    for value in ticks:
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(value):.1f}" '
            f'y2="{down(value):.1f}"/>'
            f'<text x="{LEFT - 6}" y="{down(value) + 3:.1f}" text-anchor="end">{value:.4g}</text>'
        )
    for x, anchor in {first: "start", last: "end"}.items():
        parts.append(
            f'<text x="{across(x):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{x:,.0f}</text>'
        )
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" '
        'text-anchor="middle">step</text>'
    )
    if mark is not None:
        parts.append(
            f'<line class="mark" x1="{across(mark):.1f}" x2="{across(mark):.1f}" y1="{TOP}" '
            f'y2="{HEIGHT - BOTTOM}"><title>{text(marked)}</title></line>'
        )
    for i, (name, some) in enumerate(runs.items()):
        for run in some:
            points = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in run)
            parts.append(
                f'<polyline class="line{i}" points="{points}"><title>{text(name)}</title>'
                "</polyline>"
            )
        dots = [pair for run in some for pair in run]
        # Dots tell their values; of hundreds there would only be a band of them.
        shown = dots if len(dots) <= 60 else []
        radius = 3 if len(dots) == 1 else 2
        for x, y in shown:
            parts.append(
                f'<circle class="line{i}" cx="{across(x):.1f}" cy="{down(y):.1f}" r="{radius}">'
                f"<title>{text(name)} {y:.4g} at step {x:,.0f}</title></circle>"
            )
    parts.append("</svg>")
    legend = "".join(
        f'<span class="key line{i}">{text(name)}</span>' for i, name in enumerate(series)
    )
    if mark is not None:
        legend += f'<span class="key mark">{text(marked)}</span>'
    return f"<figure><figcaption>{text(title)} {legend}</figcaption>{''.join(parts)}</figure>"


def reliability(bins: Sequence[Mapping[str, Any]], *, title: str) -> str:
    """How often the model is right by how sure it is, and how many pixels are of that confidence.

    Args:
      bins: rows of `calibration.rows`.
      title: what is drawn.
    """
    total = sum(row["pixels"] for row in bins)
    most = max((row["pixels"] for row in bins), default=0)
    if not total:
        return ""
    side, base = SIDE - LEFT - RIGHT, SIDE - BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + x * side, base - y * (base - TOP)

    height = SIDE + SHARES
    parts = [f'<svg viewBox="0 0 {SIDE} {height}" role="img" aria-label="{text(title)}">']
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = at(tick, tick)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{LEFT + side}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y + 3:.1f}" text-anchor="end">{tick:g}</text>'
            f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle">{tick:g}</text>'
        )
    (x1, y1), (x2, y2) = at(0, 0), at(1, 1)
    for row in bins:
        if not row["pixels"]:
            continue
        left, up = at(row["low"], row["accuracy"])
        width = (row["high"] - row["low"]) * side - 1
        share = row["pixels"] / total
        tall = max(row["pixels"] / most * (SHARES - 18), 0.6)
        told = (
            f"sure {row['confidence']:.3f}, right {row['accuracy']:.3f}: {row['pixels']:,} pixels, "
            f"{percent(share)}"
        )
        parts.append(
            f'<rect class="right" x="{left + 0.5:.1f}" y="{up:.1f}" width="{width:.1f}" '
            f'height="{max(base - up, 0.6):.1f}"><title>{told}</title></rect>'
            f'<rect class="share" x="{left + 0.5:.1f}" y="{base + SHARES - tall:.1f}" '
            f'width="{width:.1f}" height="{tall:.1f}"><title>{told}</title></rect>'
        )
    parts.append(
        f'<line class="even" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{base + SHARES - 2}" text-anchor="end">share</text></svg>'
    )
    legend = (
        '<span class="key line0">right</span><span class="key even">as right as sure</span>'
        '<span class="key share">share of the pixels</span>'
    )
    return (
        f'<figure class="square"><figcaption>{text(title)} {legend}</figcaption>'
        f"{''.join(parts)}</figure>"
    )


def _runs(
    xs: Sequence[float], ys: Sequence[float | None], *, gaps: bool
) -> Iterator[list[tuple[float, float]]]:
    """Stretches without a gap."""
    run: list[tuple[float, float]] = []
    for x, y in zip(xs, ys, strict=True):
        if y is None and not gaps:
            continue
        if y is not None and math.isfinite(y):
            run.append((x, y))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _ticks(low: float, high: float) -> list[float]:
    """Round values, three to six of them, from below the lowest to above the highest."""
    span, size = high - low, max(abs(low), abs(high))
    if span <= 1e-9 * size:
        span = size
    span = span if span > 1e-9 else 1.0
    unit = 10.0 ** math.floor(math.log10(span / 4))
    unit *= next((n for n in (1, 2, 2.5, 5) if span / (n * unit) <= 5), 10)
    start, end = math.floor(low / unit + 1e-9), math.ceil(high / unit - 1e-9)
    return [round(i * unit, 12) for i in range(start, max(end, start + 1) + 1)]
