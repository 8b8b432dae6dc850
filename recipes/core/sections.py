"""Sections of a run's page that are made of its scores; each is empty where its facts are not."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from recipes.core import charts, scoring
from recipes.core.dataset import Dataset
from seg_datasets.core.report import kit
from seg_datasets.core.report.kit import count, text
from seg_datasets.core.report.sections import percent

NSD = '<abbr title="normalised surface Dice">NSD</abbr>'
ECE = '<abbr title="expected calibration error">ECE</abbr>'

# Key of a class, of the mean, and what stands above the column.
COLUMNS = (
    ("dice", "mean_dice", "Dice"),
    ("precision", "", "precision"),
    ("recall", "", "recall"),
    ("boundary_iou", "mean_boundary_iou", "boundary IoU"),
    ("nsd", "mean_nsd", NSD),
    ("mean_image_iou", "mean_image_iou", "IoU per image"),
    ("ece", "", ECE),
)
MANY = 12  # classes from which on the confusion matrix is drawn small
WORST = 10
CONFUSED = 5


def classes(
    scores: Mapping[str, Any], dataset: Dataset, wanted: Sequence[tuple[str, str, str]] = COLUMNS
) -> str:
    """The scores of each class with their intervals, and the mean; IoU and the wanted columns."""
    rows = scores["classes"]
    columns = [c for c in wanted if any(row.get(c[0]) is not None for row in rows)]
    head = ["class", "IoU", *(title for _, _, title in columns), "pixels"]
    lines = []
    for row, colour in zip(rows, dataset.palette, strict=True):
        lines.append(
            [
                kit.swatch(colour) + text(row["name"]),
                _ranged(row, "iou"),
                *(_scored(row, key) for key, _, _ in columns),
                _pixels(row["truth_pixels"], row["images_with_it"]),
            ]
        )
    lines.append(
        [
            "mean",
            _ranged(scores, "mean_iou"),
            *(_scored(scores, mean) if mean else "" for _, mean, _ in columns),
            _pixels(scores["pixels"], scores["images"]),
        ]
    )
    void = f" {scores['void_pixels']:,} void pixels." if scores["void_pixels"] else ""
    tolerance = scores.get("nsd_tolerance")
    policy = f"{text(scores['policy'])} " if wanted else ""
    keys = {key for key, _, _ in columns}
    near = ""
    if "nsd" in keys and tolerance is not None:
        near = " NSD, normalised surface Dice: the share of the borders that lie where they should,"
        near += f" within {count_of_pixels(tolerance)}."
    if "ece" in keys:
        near += " ECE, expected calibration error: how far it is from as right as it is sure."
    return (
        kit.table(head, lines, last="mean", kind="scores" if wanted else "scores brief")
        + f'<p class="soft">{policy}Intervals of 95 % by bootstrap over '
        f"{count(scores['groups'], 'group')}.{near}{void}</p>"
    )


def out_of_fold(scores: Mapping[str, Any], dataset: Dataset) -> str:
    """What the folds score on what they were left without, beside an ensemble's scores on test."""
    ends = scoring.interval_text(scores.get("mean_iou_interval") or (None, None))
    interval = f' <span class="soft">95 % interval {ends}</span>' if ends != "-" else ""
    return (
        f"<p><b>mean IoU {scoring.text(scores['mean_iou'])}</b>{interval}</p><p>Each of the "
        f"{count(scores['images'], 'image')} of train and validation by the one model that has not "
        "seen it: what a single fold is worth on new images. The mean of all folds is usually "
        f"better.</p>{classes(scores, dataset, wanted=())}"
    )


def count_of_pixels(number: float) -> str:
    """`2 pixels`, `1 pixel`."""
    return f"{number:g} pixel{'s' * (number != 1)}"


def confusion(scores: Mapping[str, Any]) -> str:
    """What each class was taken for: rows are the truth, each adds up to 1."""
    matrix = scores.get("confusion")
    if not matrix:
        return ""
    names = [row["name"] for row in scores["classes"]]
    many = len(names) > MANY
    heads = [f'<span class="down">{text(name)}</span>' if many else text(name) for name in names]
    rows = []
    for i, (name, counts) in enumerate(zip(names, matrix, strict=True)):
        total = sum(counts)
        rows.append(
            [text(name)]
            + [
                _cell(name, names[j], n, total, right=i == j, many=many)
                for j, n in enumerate(counts)
            ]
        )
    counted = [
        [text(name), *(f"{n:,}" for n in counts)]
        for name, counts in zip(names, matrix, strict=True)
    ]
    unit = "percent of the row" if many else "share of the row"
    plain = ["truth ↓ said →", *(text(name) for name in names)]
    return (
        kit.table(["truth ↓ said →", *heads], rows, kind="confusion" + " dense" * many)
        + f'<p class="soft">Rows are the truth, columns the prediction; the {unit} is shown. '
        f"{_most_confused(names, matrix)}</p>"
        + kit.folded("Counts of pixels", kit.table(plain, counted))
    )


def reliability(scores: Mapping[str, Any]) -> str:
    """Whether the model is right as often as it is sure."""
    bins = scores.get("reliability")
    plot = charts.reliability(bins, title="Reliability") if bins else ""
    if not bins or not plot:
        return ""
    pixels = sum(row["pixels"] for row in bins)
    sure = sum(row["confidence"] * row["pixels"] for row in bins if row["pixels"]) / pixels
    right = sum(row["accuracy"] * row["pixels"] for row in bins if row["pixels"]) / pixels
    lean = "surer than it is right" if sure > right else "less sure than it is right"
    ece = scores.get("ece")
    ends = scoring.interval_text(scores.get("ece_interval") or (None, None))
    return (
        f'<div class="beside-plot">{plot}<div><p><b>{ECE} {scoring.text(ece)}</b> '
        f'<span class="soft">95 % interval {ends}</span></p>'
        f"<p>On average the model is sure to {sure:.3f} and right on {right:.3f} of the pixels: "
        f'{lean}.</p><p class="soft">Bars end at how many pixels of a confidence are right; on the '
        "dashed line a probability can be taken at its word. ECE is the mean distance from it, "
        "weighted by pixels: a class that fills most of them rules it, and the column ECE above "
        "tells it class by class.</p></div></div>"
    )


def objects(scores: Mapping[str, Any], dataset: Dataset) -> str:
    """How many objects were found, by size."""
    whole = scores.get("objects")
    if not whole or not whole["objects"]:
        return ""
    bands = list(whole["by_size"])
    head = ["class", "objects", "found", "precision", "seen", "false an image"]
    head += [f"{text(band)}<small>found · seen</small>" for band in bands]
    # The first class is taken for the background, as in the sum.
    shown = list(zip(scores["classes"], dataset.palette, strict=True))[1:]
    rows = [
        [kit.swatch(colour) + text(row["name"]), *_object_cells(row["objects"], bands)]
        for row, colour in shown
        if row.get("objects")
    ]
    rows.append(["all", *_object_cells(whole, bands)])
    return (
        kit.table(head, rows, last="mean", kind="objects")
        + '<p class="soft">An object is a patch of one class that hangs together. Found: its IoU '
        "with a predicted object is over 1/2. Seen: at least a tenth of it was predicted as its "
        "class. Small is under 32², large from 96² pixels on.</p>"
    )


def worst(scores: Mapping[str, Any]) -> str:
    """The images, and the groups, on which the model is worst."""
    parts = []
    images = [row for row in scores.get("per_image") or () if row["iou"] is not None]
    images = images or list(scores.get("worst_images") or ())
    images.sort(key=lambda row: (row["iou"], row["name"]))
    of_group: dict[str, list[float]] = defaultdict(list)
    for row in images:
        of_group[row.get("group", "")].append(row["iou"])
    grouped = 1 < len(of_group) < len(images)
    if images:
        keys = [k for k in ("boundary_iou", "nsd") if images[0].get(k) is not None]
        head = ["image", *(["group"] if grouped else []), "mean IoU"]
        head += [{"boundary_iou": "boundary IoU", "nsd": NSD}[key] for key in keys]
        rows = [
            [
                f"<bdi>{text(row['name'])}</bdi>",
                *([f"<bdi>{text(row['group'])}</bdi>"] if grouped else []),
                *(scoring.text(row.get(key)) for key in ("iou", *keys)),
            ]
            for row in images[:WORST]
        ]
        parts.append(kit.table(head, rows, kind="worst"))
    if grouped:
        means = sorted((sum(v) / len(v), name, len(v)) for name, v in of_group.items())
        rows = [
            [f"<bdi>{text(name)}</bdi>", f"{mean:.4f}", f"{number:,}"]
            for mean, name, number in means[:WORST]
        ]
        head = ["group", "mean IoU of its images", "images"]
        parts.append(f"<h3>Groups</h3>{kit.table(head, rows, kind='worst')}")
    return "".join(parts)


def confused_with(scores: Mapping[str, Any], place: int) -> tuple[str, float] | None:
    """The class that most pixels of a class were taken for, and their share; None without any."""
    matrix = scores.get("confusion")
    if not matrix or not sum(matrix[place]):
        return None
    wrong = [(n, -j) for j, n in enumerate(matrix[place]) if j != place and n]
    if not wrong:
        return None
    n, j = max(wrong)
    return scores["classes"][-j]["name"], n / sum(matrix[place])


def _cell(truth: str, said: str, n: int, total: int, *, right: bool, many: bool) -> str:
    if not total:
        return f'<span title="no pixel is {text(truth)}">–</span>'
    share = n / total
    shown = f"{share * 100:.0f}" if many else f"{share:.3f}"
    if many and 0 < share < 0.005:
        shown = ""
    kinds = " ".join(["right" if right else "wrong"] + ["strong"] * (share > 0.55))
    told = f"{text(truth)} taken for {text(said)}: {n:,} pixels, {percent(share)} of {text(truth)}"
    shown = shown if n else ("" if many else "0")
    return f'<span class="{kinds}" style="--share:{share:.3f}" title="{told}">{shown}</span>'


def _most_confused(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    pairs = sorted(
        (-n / sum(counts), i, j)
        for i, counts in enumerate(matrix)
        for j, n in enumerate(counts)
        if i != j and n
    )
    told = [f"{text(names[i])} for {text(names[j])} {percent(-share)}" for share, i, j in pairs]
    return f"Taken most often: {', '.join(told[:CONFUSED])}." if told else "No pixel is wrong."


def _object_cells(found: Mapping[str, Any], bands: Sequence[str]) -> list[str]:
    sizes = [found["by_size"][band] for band in bands]
    return [
        f"{found['objects']:,}",
        _scored(found, "recall"),
        _scored(found, "precision"),
        _scored(found, "overlap_recall"),
        f"{found['false_per_image']:.2f}",
        *(
            f"{_short(row['recall'])} · {_short(row['overlap_recall'])}"
            f"<small>of {row['objects']:,}</small>"
            if row["objects"]
            else "–"
            for row in sizes
        ),
    ]


def _scored(row: Mapping[str, Any], key: str) -> str:
    """A score, and its interval under it."""
    low, high = row.get(f"{key}_interval") or (None, None)
    ends = f"<small>{low:.3f} – {high:.3f}</small>" if low is not None and high is not None else ""
    return scoring.text(row.get(key)) + ends


def _ranged(row: Mapping[str, Any], key: str) -> str:
    """A score, its interval, and both as a mark on a line from 0 to 1."""
    value = row.get(key)
    if value is None:
        return scoring.text(value)
    low, high = row.get(f"{key}_interval") or (None, None)
    low, high = (value, value) if low is None or high is None else (low, high)
    return (
        f'{_scored(row, key)}<span class="range" aria-hidden="true" style="--low:{low:.4f};'
        f'--high:{high:.4f};--at:{value:.4f}"><i></i><b></b></span>'
    )


def _pixels(pixels: int, images: int) -> str:
    return f"{pixels:,}<small>in {count(images, 'image')}</small>"


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
