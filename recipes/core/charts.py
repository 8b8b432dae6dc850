"""Curves as inline SVG: no script, no outside resource, colours from the page's style."""

from collections.abc import Mapping, Sequence

from seg_datasets.core.report.kit import text

WIDTH, HEIGHT = 460, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 12, 28


def lines(
    xs: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    low: float | None = None,
    high: float | None = None,
) -> str:
    """A line chart with a legend; `low` and `high` fix the ends of the value axis."""
    values = [v for ys in series.values() for v in ys]
    if not values:
        return ""
    low = min(values) if low is None else low
    high = max(values) if high is None else high
    span = (high - low) or 1.0
    first, last = min(xs), max(xs)
    reach = (last - first) or 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (x - first) / reach * (WIDTH - LEFT - RIGHT)
        down = TOP + (1 - (min(max(y, low), high) - low) / span) * (HEIGHT - TOP - BOTTOM)
        return across, down

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(title)}">']
    for i in range(5):
        value = low + span * i / 4
        _, y = at(first, value)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y + 3:.1f}" text-anchor="end">{value:.3g}</text>'
        )
    for x, anchor in ((first, "start"), (last, "end")):
        across, _ = at(x, low)
        parts.append(
            f'<text x="{across:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{x:.0f}</text>'
        )
    for i, (name, ys) in enumerate(series.items()):
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in map(at, xs, ys))
        parts.append(
            f'<polyline class="line{i}" points="{points}"><title>{text(name)}</title></polyline>'
        )
        if len(ys) == 1:  # a line of one point is invisible
            a, b = at(xs[0], ys[0])
            parts.append(f'<circle class="line{i}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>')
    parts.append("</svg>")
    legend = "".join(
        f'<span class="key line{i}">{text(name)}</span>' for i, name in enumerate(series)
    )
    return f"<figure><figcaption>{text(title)} {legend}</figcaption>{''.join(parts)}</figure>"
