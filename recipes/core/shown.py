"""The pictures on a run's page: cards whose overlays are toggled, and an enlarged view.

All of it is markup and can be seen without a script, image, truth, prediction and error side by
side; the script lays them over each other.
"""

import math
from collections.abc import Sequence
from importlib import resources
from typing import Any

from recipes.core import pictures, scoring
from recipes.core.dataset import Dataset
from recipes.core.pictures import Picture
from seg_datasets.core.report import gallery, kit
from seg_datasets.core.report.kit import text

ENLARGED = gallery.ENLARGED

_CLASSES = 6  # whose IoU is told under a picture
_KINDS = {"worst": "Worst", "median": "Around the median", "best": "Best"}
_LAYERS = ("truth", "prediction", "error")


def style() -> str:
    """What the page adds to the look of every page: that of galleries, and its own."""
    return kit.resource("gallery.css") + _beside("run_page.css")


def script() -> str:
    """Toggles, keys and the enlarged view."""
    return _beside("run_page.js")


def section(shown: Sequence[Picture], dataset: Dataset) -> str:
    """Controls, legend and cards, the worst pictures first."""
    if not shown:
        return '<p class="soft">No image of the split has a score.</p>'
    groups = []
    for kind, title in _KINDS.items():
        some = [picture for picture in _ordered(shown) if picture.rank.kind == kind]
        cards = "".join(_card(picture, dataset) for picture in some)
        if cards:
            groups.append(f'<h3>{title}</h3><div class="shots" role="list">{cards}</div>')
    boxes = "".join(
        f'<label class="tick"><input type="checkbox" name="{name}"'
        f"{' checked' * (name == 'error')}> {name} <kbd>{name[0]}</kbd></label>"
        for name in _LAYERS
    )
    return (
        '<p class="soft alone-note">Left to right: image, truth, prediction, error.</p>'
        f'<form class="filters overlays" aria-label="Overlays">{boxes}<label class="tick">strength '
        '<input type="range" name="strength" min="10" max="100" value="65"></label></form>'
        f"{_legend(shown, dataset)}{''.join(groups)}"
        '<p class="soft keys">Keys: <kbd>t</kbd> truth, <kbd>p</kbd> prediction, <kbd>e</kbd> '
        "error, <kbd>←</kbd> <kbd>→</kbd> from picture to picture, <kbd>Enter</kbd> enlarge, "
        "<kbd>Esc</kbd> close.</p>"
    )


def data(shown: Sequence[Picture], dataset: Dataset) -> list[dict[str, Any]]:
    """What the script tells of each picture, in the order of the cards."""
    return [
        {
            "name": kit.visible(picture.name),
            "facts": [
                ["rank", str(picture.rank)],
                ["mean IoU", scoring.text(_number(picture.iou))],
                ["group", kit.visible(picture.group) or "–"],
            ],
            "classes": [
                [kit.visible(name), scoring.text(_number(iou))]
                for name, iou in zip(dataset.classes, picture.class_iou, strict=False)
                if not math.isnan(iou)
            ],
        }
        for picture in _ordered(shown)
    ]


def _ordered(shown: Sequence[Picture]) -> list[Picture]:
    """Kinds as the page shows them; within each the worst first."""
    order = list(_KINDS)
    return sorted(shown, key=lambda one: (order.index(one.rank.kind), -one.rank.place))


def _card(picture: Picture, dataset: Dataset) -> str:
    layers, name = picture.layers, text(picture.name)
    width, height = layers.size
    parts = [_image("photo", name, layers.image, "jpeg", (width, height))]
    for layer, png in zip(_LAYERS, (layers.truth, layers.predicted, layers.error), strict=True):
        parts.append(_image(f"layer {layer}", f"{layer} of {name}", png, "png", (width, height)))
    pairs = zip(dataset.classes, picture.class_iou, strict=False)
    scored = sorted((iou, place, n) for place, (n, iou) in enumerate(pairs) if not math.isnan(iou))
    told = ", ".join(f"{text(n)} {iou:.2f}" for iou, _, n in scored[:_CLASSES])
    more = " …" if len(scored) > _CLASSES else ""
    group = f" · {text(picture.group)}" if picture.group not in ("", picture.name) else ""
    return (
        f'<figure class="card" role="listitem"><span class="layers">{"".join(parts)}</span>'
        f'<figcaption><bdi class="name" title="{name}">{name}</bdi>'
        f'<span class="line"><b>IoU {picture.iou:.3f}</b> · {picture.rank.place:,} of '
        f"{picture.rank.count:,}{group}</span>"
        f'<span class="line">{told}{more}</span></figcaption></figure>'
    )


def _image(kind: str, label: str, data: bytes, form: str, size: tuple[int, int]) -> str:
    width, height = size
    return (
        f'<img class="{kind}" alt="{label}" width="{width}" height="{height}" '
        f'src="{kit.data_uri(data, form)}">'
    )


def _legend(shown: Sequence[Picture], dataset: Dataset) -> str:
    ground = text(dataset.classes[0])
    entries = [
        kit.swatch(colour) + text(name)
        for name, colour in zip(dataset.classes, dataset.palette, strict=True)
    ]
    errors = [
        kit.swatch(pictures.MISSED) + f"missed: taken for {ground}",
        kit.swatch(pictures.FALSE) + f"false alarm: truly {ground}",
    ]
    if len(dataset.classes) > 2:
        errors.append(kit.swatch(pictures.OTHER) + "taken for another class")
    errors.append(kit.swatch(pictures.GREY) + "void, not scored")
    clear = ""
    if tuple(dataset.palette[0]) == (0, 0, 0):
        clear = f"<li>{ground} is left clear, void of the truth striped</li>"
    first, second = ("".join(f"<li>{one}</li>" for one in some) for some in (entries, errors))
    return (
        f'<ul class="legend" aria-label="Classes">{first}{clear}</ul>'
        f'<ul class="legend" aria-label="Errors"><li><b>error:</b></li>{second}</ul>'
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _beside(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
