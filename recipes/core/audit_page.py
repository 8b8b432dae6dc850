"""What an audit leaves for people and tools: a page of the most suspicious labels, and a CSV."""

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from recipes.core import auditing, pictures, scoring
from recipes.core.data import Image
from recipes.core.dataset import Dataset
from recipes.core.pictures import Layers
from recipes.core.suspects import Suspect
from seg_datasets.core.report import kit
from seg_datasets.core.report.kit import count, text

MOST = 400  # pictures that are drawn at all: more would not fit
SIDE = 224  # pixels: four of them stand side by side
LARGEST = 4_600_000  # bytes of pictures, as a page holds them
COLUMNS = (
    *("rank", "id", "image", "mask", "split", "group", "score", "kind", "labelled", "suspected"),
    *("left", "top", "right", "bottom", "move_right", "move_down"),
)

_ORDINARY, _BOX = (235, 190, 120), (255, 0, 200)
# Suspicion is a hatching: any one colour may be that of a class.
_HATCHED, _STRIPE = ((0, 0, 0), (255, 255, 255)), 3
_STYLE = """
.suspects { display: grid; gap: 1.1rem; list-style: none; padding: 0; }
.suspects .four { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 3px; }
.suspects img { display: block; width: 100%; height: auto; border-radius: 3px; }
.suspects .flat { image-rendering: pixelated; background: #000; }
.suspects .flat.pale { background: var(--card); }
.suspects p { margin: 0 0 .25rem; } .suspects .name { unicode-bidi: isolate; font-weight: 600; }
table.rest :is(th, td) { text-align: left; }
.swatch.hatched { background: repeating-linear-gradient(135deg, #000 0 2px, #fff 2px 4px); }
.doubtful .verdict { border-color: var(--warn); }
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawn:
    """A suspect and its pictures, encoded."""

    suspect: Suspect
    layers: Layers

    @property
    def weight(self) -> int:
        """Bytes on a page, as base64."""
        parts = (self.layers.image, self.layers.truth, self.layers.predicted, self.layers.error)
        return sum(len(part) for part in parts) * 4 // 3


def draw(
    image: Image, probabilities: np.ndarray, suspect: Suspect, *, palette: Any, top: float
) -> Drawn:
    """Image, label, prediction, and where they disagree; the worst region is framed."""
    predicted = probabilities.argmax(-1).astype(np.uint8)
    strong = auditing.suspicion(image.ids, probabilities)
    step = -(-max(image.ids.shape) // SIDE)
    made = pictures.layers(
        image.pixels[::step, ::step],
        image.ids[::step, ::step],
        predicted[::step, ::step],
        palette=palette,
        top=top,
    )
    quarrel = pictures.errors(image.ids, predicted)
    kinds = np.where(quarrel == 1, 1, np.where(quarrel > 1, 2, 0)).astype(np.uint8)
    kinds[strong >= 0.5] = 3
    kinds = np.ascontiguousarray(kinds[::step, ::step])
    rows, columns = np.ogrid[: kinds.shape[0], : kinds.shape[1]]
    kinds[(kinds == 3) & ((rows + columns) // _STRIPE % 2 == 1)] = 5
    if suspect.box is not None:
        _frame(kinds, [edge // step for edge in suspect.box], 4)
    return Drawn(suspect=suspect, layers=dataclasses.replace(made, error=_png(kinds)))


def table(
    suspects: Sequence[Suspect], dataset: Dataset, paths: Mapping[str, tuple[str, str]]
) -> str:
    """The suspects as CSV, for a labelling tool; paths are of image and mask, by id."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for place, one in enumerate(suspects, start=1):
        image, mask = paths.get(one.name, ("", ""))
        right, down = one.move or ("", "")
        writer.writerow(
            [
                place,
                *(_inert(value) for value in (one.name, image, mask, one.split, one.group)),
                f"{one.score:.6f}",
                one.kind,
                _inert(_class(one.labelled, dataset)),
                _inert(_class(one.suspected, dataset)),
                *(one.box or ("",) * 4),
                right,
                down,
            ]
        )
    return out.getvalue()


def render(
    *,
    title: str,
    drawn: Sequence[Drawn],
    suspects: Sequence[Suspect],
    dataset: Dataset,
    facts: Mapping[str, Any],
) -> str:
    """The audit as one self-contained page, the most suspicious label first.

    Args:
      title: plain text.
      drawn: the first of the suspects; as many of them are shown as a page can hold.
      suspects: all that are listed.
      dataset: what is known of it.
      facts: of the audit; see `recipes.audit.audit`.
    """
    shown, weight = [], 0
    for one in drawn:
        weight += one.weight
        if weight > LARGEST:
            break
        shown.append(one)
    suspicious = sum(one.score > 0 for one in suspects)
    doubt = facts["doubt"]
    kinds = [f"{kind} ({number:,})" for kind, number in facts["kinds"].items()]
    body = [
        f"<header><h1>{text(title)}</h1></header><main class={'doubtful' if doubt else 'sure'}>",
        kit.verdict(
            f"{count(suspicious, 'label')} to look at <small>of {facts['count']:,}, judged by "
            f"models with mean IoU {scoring.text(facts['mean_iou'])}</small>",
            *([f"<strong>{text(doubt)}</strong>"] if doubt else []),
            f"They look {text(', '.join(kinds)) or 'right'}.",
            *(text(note) for note in facts["notes"]),
            # What is in doubt is no verdict on the data.
            good=not suspicious or bool(doubt),
        ),
        '<section id="suspects"><h2>Most suspicious first</h2>'
        '<p class="soft">Left to right: image, label, prediction, and where they disagree.</p>',
        _legend(dataset),
        f'<ol class="suspects">{"".join(_card(one, i, dataset) for i, one in enumerate(shown, 1))}'
        "</ol></section>",
    ]
    rest = suspects[len(shown) :]
    if rest:
        rows = [
            [f"{i:,}. {text(s.name)}", f"{s.score:.3f}", text(told(s, dataset)), text(s.split)]
            for i, s in enumerate(rest, start=len(shown) + 1)
        ]
        body.append(
            '<section id="rest"><h2>And these</h2>'
            + kit.table(("example", "score", "looks like", "split"), rows, kind="rest")
            + "</section>"
        )
    body.append("</main>")
    return kit.page(title, body, style=kit.resource("gallery.css") + _STYLE)


def told(one: Suspect, dataset: Dataset) -> str:
    """What a label looks like, in words."""
    labelled, suspected = _class(one.labelled, dataset), _class(one.suspected, dataset)
    if one.kind == "shifted" and one.move is not None:
        right, down = one.move
        ways = [f"{abs(right)} px {'right' if right > 0 else 'left'}"] if right else []
        ways += [f"{abs(down)} px {'down' if down > 0 else 'up'}"] if down else []
        return f"shifted: it fits best when moved {' and '.join(ways)}"
    if one.kind == "swapped":
        return f"swapped: labelled {labelled}, looks like {suspected}"
    if one.kind == "missing":
        return f"missing: {suspected} that is labelled {labelled}"
    if one.kind == "extra":
        return f"extra: labelled {labelled}, looks like {suspected}"
    return "nothing suspicious"


def _card(one: Drawn, place: int, dataset: Dataset) -> str:
    suspect, layers = one.suspect, one.layers
    name, size = text(suspect.name), f'width="{layers.size[0]}" height="{layers.size[1]}"'
    group = f" · {text(suspect.group)}" if suspect.group not in ("", suspect.name) else ""
    images = "".join(
        f'<img class="{kind}" alt="{label} of {name}" {size} src="{kit.data_uri(data, form)}">'
        for label, kind, form, data in (
            ("image", "photo", "jpeg", layers.image),
            ("label", "flat", "png", layers.truth),
            ("prediction", "flat", "png", layers.predicted),
            ("disagreement", "flat pale", "png", layers.error),
        )
    )
    return (
        f'<li><p>{place}. <bdi class="name">{name}</bdi> <b>{suspect.score:.3f}</b> '
        f"{text(told(suspect, dataset))} "
        f'<span class="soft">· {text(suspect.split)}{group}</span></p>'
        f'<div class="four">{images}</div></li>'
    )


def _legend(dataset: Dataset) -> str:
    entries = [
        kit.swatch(colour) + text(name)
        for name, colour in zip(dataset.classes, dataset.palette, strict=True)
    ]
    marks = [
        '<span class="swatch hatched"></span>suspicious',
        kit.swatch(_ORDINARY) + "another class, but near a border or hardly sure",
        kit.swatch(pictures.GREY) + "void, not judged",
        kit.swatch(_BOX) + "around the worst region",
    ]
    first, second = ("".join(f"<li>{one}</li>" for one in some) for some in (entries, marks))
    return (
        f'<ul class="legend" aria-label="Classes">{first}</ul><ul class="legend" '
        f'aria-label="Disagreement"><li><b>disagreement:</b></li>{second}</ul>'
    )


def _class(number: int | None, dataset: Dataset) -> str:
    return "" if number is None else dataset.classes[number]


def _inert(value: str) -> str:
    """A cell that no spreadsheet takes for a formula, and that every file can hold."""
    value = value.encode("utf-8", "replace").decode("utf-8")
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _frame(kinds: np.ndarray, box: Sequence[int], number: int) -> None:
    height, width = kinds.shape
    left, right = (min(edge, width - 1) for edge in (box[0], box[2]))
    top, bottom = (min(edge, height - 1) for edge in (box[1], box[3]))
    kinds[top : bottom + 1, [left, right]] = number
    kinds[[top, bottom], left : right + 1] = number


def _png(kinds: np.ndarray) -> bytes:
    image = PillowImage.frombytes("P", kinds.shape[::-1], kinds.tobytes())
    colours = ((0, 0, 0), pictures.GREY, _ORDINARY, _HATCHED[0], _BOX, _HATCHED[1])
    image.putpalette([band for colour in colours for band in colour])
    out = io.BytesIO()
    image.save(out, "PNG", transparency=0, bits=4, optimize=True)
    return out.getvalue()
