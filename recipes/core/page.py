"""The page of a run: one HTML file with everything inside, readable without a network."""

import base64
import html
import json
import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from recipes.core import charts, scoring
from recipes.core import plan as plans
from recipes.core.pictures import Picture

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --paper: #fff; --card: #f5f7fa;
  --edge: #d9dfe7; --one: #1f6feb; --two: #d9480f; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa7b4; --paper: #0f141a;
  --card: #171e26; --edge: #2c3743; --one: #6cb0ff; --two: #ff9e64; --good: #56d364; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 2rem 1.2rem 4rem; background: var(--paper);
  color: var(--ink); font: 15px/1.55 system-ui, sans-serif; }
h1 { margin: 0 0 .2rem; font-size: 1.5rem; } h2 { margin: 2.2rem 0 .6rem; font-size: 1.1rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); }
.verdict { padding: 1rem 1.2rem; border-left: 5px solid var(--good); background: var(--card);
  border-radius: 6px; margin: 1rem 0; } .verdict b { font-size: 1.6rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--edge); text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } tr.mean td { font-weight: 600; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .5em; border-radius: 2px;
  border: 1px solid var(--edge); vertical-align: -1px; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; flex: 1 1 420px; }
figcaption { color: var(--soft); font-size: .9rem; margin-bottom: .2rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 11px; }
.grid { stroke: var(--edge); } polyline { fill: none; stroke-width: 2; }
polyline.line0 { stroke: var(--one); } polyline.line1 { stroke: var(--two); }
circle.line0 { fill: var(--one); } circle.line1 { fill: var(--two); }
.key { margin-left: .8em; } .key::before { content: "● "; }
.key.line0::before { color: var(--one); } .key.line1::before { color: var(--two); }
.strip { margin: 0 0 1.1rem; } .strip img { width: 100%; height: auto; border-radius: 4px;
  image-rendering: auto; } pre { background: var(--card); padding: .8rem 1rem; overflow-x: auto;
  border-radius: 6px; }
summary { cursor: pointer; }
"""


def render(
    *,
    plan: plans.Plan,
    scores: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    pictures: Sequence[tuple[Picture, pathlib.Path]],
    folder: pathlib.Path,
) -> str:
    """The run as one self-contained HTML page, the verdict first."""
    name = html.escape(plan.dataset.name)
    body = [
        f"<h1>U-Net on {name}</h1>",
        _verdict(plan, scores, history),
        f"<h2>Scores on {html.escape(scores['split'])}</h2>",
        _table(plan, scores),
        "<h2>Training</h2>",
        _curves(history),
        "<h2>Pictures</h2>",
        '<p class="soft">Image, truth, prediction, error. In the error panel blue was missed, red '
        "is a false alarm, orange was taken for another class, grey is void.</p>",
        *(_picture(picture, path) for picture, path in pictures),
        "<h2>Run it again</h2>",
        _again(plan, folder),
        "<h2>Plan</h2>",
        _plan(plan),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>U-Net on {name}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _verdict(
    plan: plans.Plan, scores: Mapping[str, Any], history: Sequence[Mapping[str, Any]]
) -> str:
    seconds = sum(row["seconds"] + row["validation_seconds"] for row in history)
    names = [
        f"{html.escape(row['name'])} {scoring.text(row['iou'])}" for row in scores["classes"][:6]
    ]
    warnings = "".join(f'<p class="soft">{html.escape(note)}</p>' for note in plan.notes)
    return (
        f'<div class="verdict"><b>mean IoU {scoring.text(scores["mean_iou"])}</b> on '
        f"{scores['images']} images of the {html.escape(scores['split'])} split"
        f"<p>IoU by class: {', '.join(names)}{' …' if len(scores['classes']) > 6 else ''}.</p>"
        f"<p>Trained for {seconds / 60:.1f} minutes, {history[-1]['step']} steps, on "
        f"{html.escape(plan.device)} in {plan.precision}.</p>{warnings}</div>"
    )


def _table(plan: plans.Plan, scores: Mapping[str, Any]) -> str:
    head = (
        "class",
        "IoU",
        "95 % interval",
        "Dice",
        "precision",
        "recall",
        "per image",
        "images",
        "pixels",
    )
    rows = []
    for row, colour in zip(scores["classes"], plan.dataset.palette, strict=True):
        swatch = f'<span class="swatch" style="background:rgb{colour}"></span>'
        cells = [
            swatch + html.escape(row["name"]),
            scoring.text(row["iou"]),
            scoring.interval_text(row["iou_interval"]),
            *(scoring.text(row[k]) for k in ("dice", "precision", "recall", "mean_image_iou")),
            str(row["images_with_it"]),
            f"{row['truth_pixels']:,}",
        ]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    mean = [
        "mean",
        scoring.text(scores["mean_iou"]),
        scoring.interval_text(scores["mean_iou_interval"]),
        scoring.text(scores["mean_dice"]),
        "",
        "",
        scoring.text(scores["mean_image_iou"]),
        str(scores["images"]),
        f"{scores['pixels']:,}",
    ]
    rows.append('<tr class="mean">' + "".join(f"<td>{cell}</td>" for cell in mean) + "</tr>")
    titles = "".join(f"<th>{title}</th>" for title in head)
    void = f" {scores['void_pixels']:,} void pixels." if scores["void_pixels"] else ""
    return (
        f'<div class="scroll"><table><tr>{titles}</tr>{"".join(rows)}</table></div>'
        f'<p class="soft">{html.escape(scores["policy"])} Intervals by bootstrap over '
        f"{scores['groups']} groups.{void}</p>"
    )


def _curves(history: Sequence[Mapping[str, Any]]) -> str:
    steps = [row["step"] for row in history]
    loss = charts.lines(steps, {"loss": [row["loss"] for row in history]}, title="Loss", low=0.0)
    miou = charts.lines(
        steps,
        {
            "train": [row["train_miou"] for row in history],
            "validation": [row["validation_miou"] for row in history],
        },
        title="Mean IoU",
        low=0.0,
        high=1.0,
    )
    return f'<div class="charts">{loss}{miou}</div>'


def _picture(picture: Picture, path: pathlib.Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    label = f"{html.escape(picture.name)}: IoU {picture.iou:.3f} ({picture.rank})"
    return (
        f'<figure class="strip"><figcaption>{label}</figcaption>'
        f'<img alt="{label}" src="data:image/png;base64,{data}"></figure>'
    )


def _again(plan: plans.Plan, folder: pathlib.Path) -> str:
    at = shlex.quote(str(folder))
    where = f" --data_dir={shlex.quote(plan.dataset.data_dir)}" if plan.dataset.data_dir else ""
    how_long = f"--minutes={plan.minutes:g}" if plan.minutes else f"--steps={plan.steps}"
    lines = [
        f"python -m recipes.unet --dataset={shlex.quote(plan.dataset.name)}{where} {how_long} "
        f"--seed={plan.seed}",
        f"python -m recipes.evaluate --workdir={at} "
        f"--split={plan.dataset.test or plan.dataset.validation}",
        f"tensorboard --logdir={at}/tensorboard",
    ]
    return f"<pre>{html.escape(chr(10).join(lines))}</pre>"


def _plan(plan: plans.Plan) -> str:
    text = json.dumps(plans.to_json(plan), indent=2, ensure_ascii=False)
    return f"<details><summary>plan.json</summary><pre>{html.escape(text)}</pre></details>"
