"""The page of a run: one HTML file with everything inside, readable without a network.

    pictures → shown ┐
    charts → sections → page
    again ───────────┘

Made with the kit of the page that a build leaves: one look, one policy.
"""

import dataclasses
import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from recipes.core import again, charts, data, folds, runs, scoring, sections, shown, unseen
from recipes.core import dataset as ds
from recipes.core.pictures import Picture
from recipes.core.plan import Plan, chosen_on, duration
from seg_datasets.core.report import kit
from seg_datasets.core.report.kit import count, text


def render(
    *,
    plan: Plan,
    scores: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    pictures: Sequence[tuple[Picture, pathlib.Path]],
    folder: pathlib.Path,
    metadata: Mapping[str, Any] | None = None,
) -> str:
    """The run as one self-contained HTML page, the verdict first.

    Args:
      plan: of the run.
      scores: what `scores.json` holds; a section whose facts are not in it is left out.
      history: a row per epoch.
      pictures: what is shown, each with the file it lies in.
      folder: of the run; of an ensemble, what its folds left there is read.
      metadata: what the dataset says of itself.
    """
    title = f"U-Net on {_short_name(plan)}"
    drawn = [picture for picture, _ in pictures]
    parted = _histories(plan, folder)
    unfolded = _out_of_fold(plan, folder)
    apart = unfolded if unfolded and scores["split"] != "out of fold" else None
    on = "" if scores["split"] == "out of fold" else "on "
    parts = {
        "scores": (f"Scores {on}{text(scores['split'])}", sections.classes(scores, plan.dataset)),
        "folds": ("Out of fold", sections.out_of_fold(apart, plan.dataset) if apart else ""),
        "training": ("Training", _curves_of_folds(parted) if parted else _curves(history)),
        "confusion": ("Confusion", sections.confusion(scores)),
        "reliability": ("Reliability", sections.reliability(scores)),
        "objects": ("Objects", sections.objects(scores, plan.dataset)),
        "pictures": ("Pictures", shown.section(drawn, plan.dataset)),
        "worst": ("Where it is worst", sections.worst(scores)),
        "again": ("Run it again", _again(plan, folder, scores)),
        "dataset": ("Data", _data(plan, metadata or {}, unfolded)),
        "plan": ("Plan", _plan(plan)),
    }
    body = [
        '<a class="skip" href="#pictures">Skip to the pictures</a>',
        f"<header><h1>{text(title)}</h1>{_facts(plan, history, parted)}</header>",
        "<main>",
        _verdict(plan, scores),
        *(
            f'<section id="{name}"><h2>{heading}</h2>{inner}</section>'
            for name, (heading, inner) in parts.items()
            if inner
        ),
        "</main>",
        shown.ENLARGED,
    ]
    return kit.page(
        title,
        body,
        style=shown.style(),
        script=shown.script(),
        data=shown.data(drawn, plan.dataset),
    )


def _short_name(plan: Plan) -> str:
    name = plan.dataset.name
    return "/".join(pathlib.PurePath(name).parts[-2:]) if pathlib.PurePath(name).root else name


def _histories(plan: Plan, folder: pathlib.Path) -> list[list[dict[str, Any]]]:
    """Of each fold of an ensemble its rows, which are at steps of their own; empty without them."""
    numbers = range(plan.folds if plan.is_ensemble else 0)
    files = [folds.run_of(runs.Run(folder), number).history for number in numbers]
    return [runs.read_lines(file) for file in files] if all(f.exists() for f in files) else []


def _out_of_fold(plan: Plan, folder: pathlib.Path) -> dict[str, Any] | None:
    file = folder / "out_of_fold.json"
    return dict(runs.read_json(file)) if plan.is_ensemble and file.exists() else None


def _facts(
    plan: Plan,
    history: Sequence[Mapping[str, Any]],
    parted: Sequence[Sequence[Mapping[str, Any]]],
) -> str:
    seconds = sum(row.get("seconds", 0) + row.get("validation_seconds", 0) for row in history)
    steps = history[-1]["step"] if history else 0
    took = f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"
    told = [
        f"depth {plan.depth}, width {plan.width}",
        f"trained in {took}" if parted else f"{count(steps, 'step')} in {took}",
        f"{text(plan.device)}, {text(plan.precision)}",
        f"seed {plan.seed}",
    ]
    if plan.is_ensemble:
        many = [f"{rows[-1]['step'] if rows else 0:,}" for rows in parted]
        each = f" ({', '.join(many[:-1])} and {many[-1]} steps)" if many else ""
        told.insert(0, f"{plan.folds} folds, mean of their probabilities{each}")
    elif plan.folds:
        told.insert(0, f"fold {plan.fold} of {plan.folds}")
    return f'<p class="soft">{" · ".join(told)}</p>'


def _verdict(plan: Plan, scores: Mapping[str, Any]) -> str:
    value = scores["mean_iou"]
    low, high = scores.get("mean_iou_interval") or (None, None)
    ends = "" if low is None or high is None else f", 95 % interval {low:.3f} to {high:.3f}"
    return kit.verdict(
        f"mean IoU {scoring.text(value)} <small>over {len(scores['classes'])} classes{ends}"
        "</small>",
        _sentence(plan, scores),
        _weakest(scores),
        *(f'<span class="soft">{kit.prose(note)}</span>' for note in plan.notes),
        good=value is not None,
    )


def _sentence(plan: Plan, scores: Mapping[str, Any]) -> str:
    """What the number is worth."""
    split, known = scores["split"], plan.dataset
    images = f"{count(scores['images'], 'image')} of {count(scores['groups'], 'group')}"
    told = f"Scored on {text(split)}, {images}, on original sizes: "
    if split == known.test:
        worth = "neither training nor the choice of the model saw this split."
    elif split == "out of fold":
        worth = "each image by the model that has not seen it."
    else:
        worth = (
            "the same images chose the best epoch, so new ones will score lower. A test "
            "split says more."
        )
    if scores["groups"] < 2:
        worth += " With one group there is no interval: nothing tells how groups differ."
    return told + worth


def _weakest(scores: Mapping[str, Any]) -> str:
    scored = [(r["iou"], i) for i, r in enumerate(scores["classes"]) if r["iou"] is not None]
    if not scored:
        return ""
    iou, place = min(scored)
    row = scores["classes"][place]
    ends = scoring.interval_text(row.get("iou_interval") or (None, None))
    told = f"Weakest class: {text(row['name'])}, IoU {scoring.text(iou)}"
    told += f" ({ends})" if ends != "-" else ""
    if not row["predicted_pixels"]:
        told += ", never predicted"
    if row.get("recall") is not None and row.get("precision") is not None:
        told += f", recall {row['recall']:.3f}, precision {row['precision']:.3f}"
    if other := sections.confused_with(scores, place):
        told += f"; {sections.percent(other[1])} of its pixels were taken for {text(other[0])}"
    best, at = max(scored)
    if at != place:
        told += f". Strongest: {text(scores['classes'][at]['name'])}, {scoring.text(best)}"
    return f"{told}."


def _curves(history: Sequence[Mapping[str, Any]]) -> str:
    if not history:
        return ""
    steps = [row["step"] for row in history]

    def of(key: str) -> list[float | None]:
        return [row.get(key) for row in history]

    scored = [(row["validation_miou"], -i) for i, row in enumerate(history)]
    best = history[-max(scored)[1]]
    mark, marked = best["step"], f"best, step {best['step']:,}"
    told = (
        f"Kept: epoch {best['epoch']} of {len(history)}, validation mean IoU "
        f"{best['validation_miou']:.4f}; on the varied crops of training it was "
        f"{scoring.text(best['train_miou'])}."
    )
    found = [
        charts.lines(steps, {"loss": of("loss")}, title="Loss", low=0.0, mark=mark, marked=marked),
        charts.lines(
            steps,
            {"train": of("train_miou"), "validation": of("validation_miou")},
            title="Mean IoU",
            low=0.0,
            high=1.0,
            mark=mark,
            marked=marked,
        ),
        charts.lines(steps, {"rate": of("learning_rate")}, title="Learning rate", low=0.0),
    ]
    return f'<div class="charts">{"".join(found)}</div><p class="soft">{told}</p>'


def _curves_of_folds(parted: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """A line per fold: they were scored at steps of their own, and no mean of them is a curve."""
    steps = sorted({row["step"] for rows in parted for row in rows})
    if not steps:
        return ""

    def drawn(key: str, title: str, *, high: float | None = None) -> str:
        at = [{row["step"]: row.get(key) for row in rows} for rows in parted]
        series = {f"fold {i}": [row.get(step) for step in steps] for i, row in enumerate(at)}
        return charts.lines(steps, series, title=title, low=0.0, high=high, gaps=False)

    kept = []
    for i, rows in enumerate(parted):
        known = [(row["validation_miou"], -row["step"]) for row in rows]
        known = [pair for pair in known if pair[0] is not None]
        if known:
            value, step = max(known)
            kept.append(f"fold {i}: step {-step:,}, validation mean IoU {value:.4f}")
    found = [
        drawn("loss", "Loss"),
        drawn("validation_miou", "Validation mean IoU", high=1.0),
        drawn("learning_rate", "Learning rate"),
    ]
    return (
        f'<div class="charts">{"".join(found)}</div><p class="soft">A line for each fold, scored '
        f"on the images it was left without. Kept of {'; '.join(kept) or 'none'}.</p>"
    )


def _again(plan: Plan, folder: pathlib.Path, scores: Mapping[str, Any]) -> str:
    known = plan.dataset
    at = shlex.quote(str(folder))
    # What an ensemble is scored on without a test split, no single split is.
    split = known.test or unseen.validated_on(plan)
    scored = f"python -m recipes.evaluate --workdir={at} --split={shlex.quote(split)}"
    lines = [
        again.command(plan),
        *([scored] if split else []),
        # An ensemble has no curves of its own; those of its folds lie below it.
        f"tensorboard --logdir={at}{'' if plan.is_ensemble else '/tensorboard'}",
    ]
    if plan.budget:
        exact = "plan the same; a budget is kept by the clock, so the number of steps will differ"
    elif " cores, " in plan.device:
        exact = "with the same seed give the same weights"
    else:
        exact = "give the same curve, but for the order in which a GPU adds"
    return kit.commands("\n".join(lines)) + (
        f'<p class="soft">The same data and the same flags {exact}. What no flag says is planned '
        "from the dataset and the machine.</p>"
    )


def _data(
    plan: Plan, metadata: Mapping[str, Any], unfolded: Mapping[str, Any] | None = None
) -> str:
    known = plan.dataset
    train = f"{text(known.train)}, {count(known.train_examples, 'image')}"
    if plan.folds:
        train = text(data.pool(known))
        train += f", {count(unfolded['images'], 'image')}" if unfolded else ""
        train += f" in {plan.folds} folds: each is trained on all but its own"
        each = unfolded["images"] * (1 - 1 / plan.folds) if unfolded else 0
        train += f", about {each:,.0f} images" if unfolded else ""
    facts = {
        "dataset": f"<code>{text(known.name)}</code>",
        "train": train,
        "validation": text(chosen_on(plan)),
        "test": text(known.test or "none"),
    }
    if "ledger_key" in metadata:
        facts["version"] = f"<code>{text(metadata['ledger_key'])}</code>"
    for key, value in metadata.items():
        if key.endswith("digest") and isinstance(value, str):
            facts[text(key.replace("_", " "))] = f"<code>{text(value)}</code>"
    if "split_rule" in metadata:
        facts["split rule"] = text(metadata["split_rule"])
    if findings := metadata.get("findings"):
        facts["findings"] = f"{count(len(findings), 'finding')} of the build, none of them an error"
    if metadata.get("partial"):
        facts["partial"] = "<b>only some samples of each split were built: this is no version</b>"
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    return f'<dl class="facts">{rows}</dl>'


def _plan(plan: Plan) -> str:
    flags = again.said(plan)
    rows = []
    for field in dataclasses.fields(Plan):
        if field.name in ("dataset", "notes"):
            continue
        value = getattr(plan, field.name)
        shown_value = f"{value:g}" if isinstance(value, float) else value
        if field.name == "class_weights":
            pairs = zip(plan.dataset.classes, value, strict=True)
            shown_value = ", ".join(f"{name} {weight:g}" for name, weight in pairs)
        elif field.name == "budget" and value:
            shown_value = duration(value)
        how = "<b>by flag</b>" if field.name in flags else '<span class="planned">planned</span>'
        rows.append([f"<code>{field.name}</code>", text(shown_value), how])
    about = [
        [f"<code>{field.name}</code>", text(getattr(plan.dataset, field.name)), ""]
        for field in dataclasses.fields(ds.Dataset)
    ]
    head = ["entry", "value", ""]
    return kit.folded(
        f"{len(rows)} entries, {len([r for r in rows if 'by flag' in r[2]])} by flag",
        kit.table(head, rows, kind="plan")
        + "<h3>What was known of the dataset</h3>"
        + kit.table(head[:2], [row[:2] for row in about], kind="plan")
        + '<p class="soft">By flag: what has to be said for this plan to be made again. All of it '
        "is in <code>plan.json</code>.</p>",
    )
