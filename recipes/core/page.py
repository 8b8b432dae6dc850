"""The page of a run: one HTML file with everything inside, readable without a network."""

import json
import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from recipes.core import charts, scoring
from recipes.core import plan as plans
from recipes.core.pictures import Picture
from seg_datasets.core.report import kit
from seg_datasets.core.report.kit import text


def render(
    *,
    plan: plans.Plan,
    scores: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    pictures: Sequence[tuple[Picture, pathlib.Path]],
    folder: pathlib.Path,
) -> str:
    """The run as one self-contained HTML page, the verdict first."""
    title = f"U-Net on {plan.dataset.name}"
    body = [
        f"<h1>{text(title)}</h1>",
        _verdict(plan, scores, history),
        f"<h2>Scores on {text(scores['split'])}</h2>",
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
    return kit.page(title, body)


def _verdict(
    plan: plans.Plan, scores: Mapping[str, Any], history: Sequence[Mapping[str, Any]]
) -> str:
    seconds = sum(row["seconds"] + row["validation_seconds"] for row in history)
    names = [f"{text(row['name'])} {scoring.text(row['iou'])}" for row in scores["classes"][:6]]
    return kit.verdict(
        f"mean IoU {scoring.text(scores['mean_iou'])} <small>on {scores['images']} images of the "
        f"{text(scores['split'])} split</small>",
        f"IoU by class: {', '.join(names)}{' …' if len(scores['classes']) > 6 else ''}.",
        f"Trained for {seconds / 60:.1f} minutes, {history[-1]['step']} steps, on "
        f"{text(plan.device)} in {plan.precision}.",
        *(f'<span class="soft">{kit.prose(note)}</span>' for note in plan.notes),
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
        cells = [
            kit.swatch(colour) + text(row["name"]),
            scoring.text(row["iou"]),
            scoring.interval_text(row["iou_interval"]),
            *(scoring.text(row[k]) for k in ("dice", "precision", "recall", "mean_image_iou")),
            str(row["images_with_it"]),
            f"{row['truth_pixels']:,}",
        ]
        rows.append(cells)
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
    rows.append(mean)
    void = f" {scores['void_pixels']:,} void pixels." if scores["void_pixels"] else ""
    return (
        kit.table(head, rows, last="mean")
        + f'<p class="soft">{text(scores["policy"])} Intervals by bootstrap over '
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
    label = f"{text(picture.name)}: IoU {picture.iou:.3f} ({picture.rank})"
    source = kit.data_uri(path.read_bytes(), "png")
    return (
        f'<figure class="strip"><figcaption>{label}</figcaption>'
        f'<img alt="{label}" src="{source}"></figure>'
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
    return kit.commands("\n".join(lines))


def _plan(plan: plans.Plan) -> str:
    fields = json.dumps(plans.to_json(plan), indent=2, ensure_ascii=False)
    return kit.folded("plan.json", kit.commands(fields))
