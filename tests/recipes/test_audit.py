"""Planted faults come first, void is never suspicious, and what is left for tools is whole."""

import csv
import io
import json
import pathlib
from typing import Any

import keras
import numpy as np
import pytest

import recipes.audit
from recipes.core import (
    audit_page,
    auditing,
    describe,
    device,
    ensemble,
    folds,
    model,
    planning,
    runs,
    suspects,
)
from recipes.core.data import Image
from recipes.core.dataset import VOID, Dataset

CLASSES = 3
EVIL = "<img src=x onerror=alert(1)>\u202e"


def drawn(seed: int) -> np.ndarray:
    """A mask with a disc of class 1 and a square of class 2, apart from each other."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:96, :96]
    mask = np.zeros((96, 96), np.uint8)
    y, x = rng.integers(24, 72), rng.integers(18, 30)
    mask[(rows - y) ** 2 + (columns - x) ** 2 < rng.integers(8, 14) ** 2] = 1
    y, x, half = rng.integers(24, 72), rng.integers(66, 78), rng.integers(7, 13)
    mask[(abs(rows - y) < half) & (abs(columns - x) < half)] = 2
    return mask


def answer(truth: np.ndarray, seed: int, *, noise: float = 0.0) -> np.ndarray:
    """What a good model says: soft along borders, and noisy."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    soft = [ndimage.gaussian_filter((truth == i).astype(np.float64), 1.5) for i in range(CLASSES)]
    logits = 4 * np.stack(soft, -1)
    for i in range(CLASSES):
        rough = ndimage.gaussian_filter(rng.normal(size=truth.shape), 3)
        logits[..., i] += noise * rough / rough.std()
    shown = np.exp(2 * logits)
    return (shown / shown.sum(-1, keepdims=True)).astype(np.float32)


def image(mask: np.ndarray, name: str, group: str = "") -> Image:
    return Image(name, group, np.zeros((*mask.shape, 3), np.uint8), mask)


def ranked(masks: dict[str, np.ndarray], truths: dict[str, np.ndarray], noise: float) -> list[Any]:
    traces = [
        auditing.look(image(mask, name), answer(truths[name], i, noise=noise), split="train")
        for i, (name, mask) in enumerate(masks.items())
    ]
    return suspects.rank(traces)


def planted() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Forty labels, and the same with a fault of each kind in the first four."""
    truths = {f"n{i:02d}": drawn(i) for i in range(40)}
    masks = {name: mask.copy() for name, mask in truths.items()}
    masks["n00"] = np.roll(masks["n00"], (9, 6), (0, 1))
    masks["n01"][masks["n01"] == 1] = 2
    masks["n02"][masks["n02"] == 2] = 0
    masks["n03"][4:26, 40:60] = 1
    return masks, truths


@pytest.mark.parametrize("noise", [0.0, 0.6])
def test_planted_faults_come_first_and_are_called_by_their_names(noise: float) -> None:
    found = ranked(*planted(), noise)
    first = {one.name: one for one in found[:4]}
    assert set(first) == {"n00", "n01", "n02", "n03"}
    assert {name: one.kind for name, one in first.items()} == {
        "n00": "shifted",
        "n01": "swapped",
        "n02": "missing",
        "n03": "extra",
    }
    assert first["n00"].move == (-6, -9)
    assert (first["n01"].labelled, first["n01"].suspected) == (2, 1)
    assert (first["n02"].labelled, first["n02"].suspected) == (0, 2)
    assert (first["n03"].labelled, first["n03"].suspected) == (1, 0)
    assert found[4].score < 0.5 * min(one.score for one in first.values())


def test_box_holds_the_worst_region() -> None:
    found = {one.name: one for one in ranked(*planted(), 0.0)}
    left, top, right, bottom = found["n03"].box
    assert (left, top, right, bottom) == pytest.approx((40, 4, 60, 26), abs=3)


def test_half_of_an_object_is_missed() -> None:
    truths = {f"n{i:02d}": drawn(i) for i in range(20)}
    masks = {name: mask.copy() for name, mask in truths.items()}
    rows, columns = np.nonzero(masks["n07"] == 1)
    gone = rows < np.median(rows)
    masks["n07"][rows[gone], columns[gone]] = 0
    found = ranked(masks, truths, 0.3)
    assert (found[0].name, found[0].kind, found[0].suspected) == ("n07", "missing", 1)


def test_void_neither_counts_nor_raises_suspicion() -> None:
    truth = drawn(0)
    mask = truth.copy()
    mask[truth > 0] = VOID
    for label in (mask, np.full_like(mask, VOID)):
        (one,) = suspects.rank([auditing.look(image(label, "a"), answer(truth, 0), split="train")])
        assert (one.score, one.kind, one.box) == (0.0, "", None)
    # A fault elsewhere is as suspicious with void beside it as without.
    assert not auditing.suspicion(mask, answer(truth, 0))[mask == VOID].any()


def test_border_of_ordinary_width_is_not_suspicious() -> None:
    from scipy import ndimage

    truth = drawn(3)
    wide = np.where(ndimage.binary_dilation(truth == 2), 2, truth).astype(np.uint8)
    assert auditing.suspicion(wide, answer(truth, 0)).sum() == 0


def test_absent_classes_and_empty_masks_are_judged() -> None:
    truth = drawn(1)
    none = np.zeros_like(truth)
    masks = {"empty": none, "right": none, "full": truth, **{f"n{i}": drawn(i) for i in (4, 5, 6)}}
    truths = {**masks, "empty": truth, "full": none}
    found = ranked(masks, truths, 0.0)
    assert {one.name for one in found[:2]} == {"empty", "full"}
    assert {one.name: one.kind for one in found}["right"] == ""
    assert all(np.isfinite(one.score) for one in found)


def test_ranking_is_the_same_in_any_order() -> None:
    masks, truths = planted()
    traces = [
        auditing.look(image(mask, name), answer(truths[name], 1, noise=0.5), split="train")
        for name, mask in masks.items()
    ]
    assert suspects.rank(traces) == suspects.rank(traces[::-1])


def test_no_labels_at_all_are_no_suspects() -> None:
    assert suspects.rank([]) == []


def test_hopeless_models_are_doubted_and_good_ones_are_not() -> None:
    assert suspects.doubt(0.41, 2, 24).startswith("The models judge poorly (mIoU 0.41)")
    assert "13 of 24 labels" in suspects.doubt(0.8, 13, 24)
    assert suspects.doubt(0.8, 12, 24) == ""
    assert suspects.doubt(float("nan"), 0, 0) == ""


def test_table_and_page_are_whole_and_inert(plain: Dataset) -> None:
    masks, truths = planted()
    mask = np.minimum(masks["n02"], 1)
    shown = answer(np.minimum(truths["n02"], 1), 0)[..., :2]
    one = image(mask, EVIL, f"=cmd|{EVIL}")
    found = suspects.rank([auditing.look(one, shown, split="train")])
    paths = {EVIL: ('a"b,\nc.png', "=m.png")}
    rows = list(csv.DictReader(io.StringIO(audit_page.table(found, plain, paths))))
    assert len(rows) == 1
    assert tuple(rows[0]) == audit_page.COLUMNS
    assert rows[0]["id"] == EVIL
    assert rows[0]["image"] == 'a"b,\nc.png'
    assert rows[0]["mask"] == "'=m.png"
    assert rows[0]["group"].startswith("'=cmd")
    page = audit_page.render(
        title=EVIL,
        drawn=[audit_page.draw(one, shown, found[0], palette=plain.palette, top=255.0)],
        suspects=found * 2,
        dataset=plain,
        facts={"count": 2, "kinds": {EVIL: 2}, "notes": [EVIL], "mean_iou": 0.4, "doubt": EVIL},
    )
    assert "<img src=x" not in page
    assert "\u202e" not in page
    assert page.count("data:image/") == 4
    assert 'class="verdict good"' in page  # in doubt labels are not accused
    assert "mean IoU 0.4000" in page
    assert "script-src" not in page


def test_page_stays_small(plain: Dataset) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (700, 900, 3)).astype(np.uint8)
    mask = rng.integers(0, 2, (700, 900)).astype(np.uint8)
    shown = rng.dirichlet((1, 1), (700, 900)).astype(np.float32)
    suspect = suspects.rank([auditing.look(Image("a", "", noise, mask), shown, split="t")])[0]
    drawn = audit_page.draw(
        Image("a", "", noise, mask), shown, suspect, palette=plain.palette, top=255.0
    )
    page = audit_page.render(
        title="t",
        drawn=[drawn] * 300,
        suspects=[suspect] * 300,
        dataset=plain,
        facts={"count": 300, "kinds": {}, "notes": [], "mean_iou": 0.8, "doubt": ""},
    )
    assert len(page) < 5_000_000
    assert page.count('<th scope="row">') + page.count("<li><p>") == 300


@pytest.fixture(scope="module")
def run(shapes: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """An ensemble of two folds, untrained."""
    folder = tmp_path_factory.mktemp("runs")
    cpu = device.Device(kind="cpu", name="CPU", count=2, bfloat16=False)
    said = {"steps": 2, "crop": 32, "depth": 1, "width": 4, "precision": "float32", "folds": 2}
    plan = planning.make(describe.describe(shapes), cpu, said)
    run = runs.create(folder / "folds", plan)
    models = []
    for fold in range(2):
        part = runs.create(folds.run_of(run, fold).folder, ensemble.planned(plan, fold))
        keras.utils.set_random_seed(fold)
        mean = plan.dataset.pixel_mean
        models.append(
            model.unet(channels=3, classes=3, depth=1, width=4, mean=mean, std=(50.0,) * 3)
        )
        models[-1].save(part.best)
    ensemble.join(models).save(run.best)
    return run.folder


def test_every_label_is_judged_once_and_the_same_each_time(run: pathlib.Path) -> None:
    told: list[str] = []
    found = recipes.audit.audit(workdir=run, json=run / "a.json", most=7, say=told.append)
    assert found["splits"] == {"train": 12, "validation": 4, "test": 4}
    assert found["notes"] == []
    assert len(found["examples"]) == 7
    assert json.loads((run / "a.json").read_text()) == found
    scores = [row["score"] for row in found["examples"]]
    assert scores == sorted(scores, reverse=True)
    files = [run / "audit" / name for name in ("index.html", "suspects.csv")]
    once = [path.read_bytes() for path in files]
    again = recipes.audit.audit(workdir=run, most=7, say=lambda line: None)
    assert again == found
    assert [path.read_bytes() for path in files] == once
    assert once[0].count(b"data:image/") == 28
    assert str(files[0]) in "\n".join(told)
    assert found["mean_iou"] < suspects.POOR
    assert "judge poorly" in found["doubt"]
    assert f"doubt     {found['doubt']}" in told
    assert any("the first 7 above, the first 7 in the table" in line for line in told)


def test_run_without_folds_says_what_it_cannot_judge(
    shapes: str, run: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    plan = json.loads((run / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps({**plan, "folds": 0, "fold": -1}))
    (tmp_path / "best.keras").write_bytes((run / "best.keras").read_bytes())
    found = recipes.audit.audit(workdir=tmp_path, page=False, say=lambda line: None)
    assert found["splits"] == {"validation": 4, "test": 4}
    assert "train was trained on and is not judged" in found["notes"][0]
    found = recipes.audit.audit(
        workdir=tmp_path, page=False, everything=True, say=lambda line: None
    )
    assert found["splits"] == {"validation": 4, "train": 12, "test": 4}
    assert "look better than they are" in found["notes"][0]


def test_nonsense_is_refused(run: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(recipes.audit.RecipeError, match="--most=0"):
        recipes.audit.audit(workdir=run, most=0)
    with pytest.raises(recipes.audit.RecipeError, match="holds no run"):
        recipes.audit.audit(workdir=tmp_path)
