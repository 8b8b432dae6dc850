"""The page of a run: verdict first, every fact in its section, nothing foreign comes alive."""

import dataclasses
import pathlib
import re
import shlex

import pytest

import drawn_run
from recipes.core import again, page, pictures, planning, sections
from recipes.core.dataset import Dataset

CLASSES = ("ground", "roof", "road")
DETAILS = ("reliability", "ece", "ece_interval", "objects", "nsd", "nsd_tolerance", "per_image")
SECTIONS = ["scores", "training", "confusion", "reliability", "objects", "pictures", "worst"]
SECTIONS += ["again", "dataset", "plan"]


@pytest.fixture
def html(plain: Dataset, tmp_path: pathlib.Path) -> str:
    """A whole page."""
    plan = drawn_run.planned(plain, CLASSES)
    return drawn_run.rendered(plan, drawn_run.images(3), tmp_path)


def parts(html: str) -> list[str]:
    return re.findall(r'<section id="(\w+)">', html)


def test_page_has_the_verdict_first_and_every_section(html: str) -> None:
    assert html.index('class="verdict good"') < html.index("<section")
    assert parts(html) == SECTIONS
    verdict = html[html.index('class="verdict') : html.index("<section")]
    assert re.search(r"mean IoU 0\.\d{4} <small>over 3 classes, 95 % interval 0\.", verdict)
    assert "14 images of 5 groups" in verdict
    assert "neither training nor the choice of the model saw this split" in verdict
    assert re.search(r"Weakest class: (roof|road), IoU 0\.\d+ .* taken for ", verdict)


def test_scores_of_an_older_version_leave_sections_out(
    plain: Dataset, tmp_path: pathlib.Path
) -> None:
    plan = drawn_run.planned(plain, CLASSES)
    old = drawn_run.rendered(plan, drawn_run.images(3), tmp_path, without=DETAILS)
    assert parts(old) == [name for name in SECTIONS if name not in ("reliability", "objects")]
    assert "ECE" not in old
    assert "NSD within" not in old


def test_page_of_scores_alone_says_that_nothing_has_a_score(
    plain: Dataset, tmp_path: pathlib.Path
) -> None:
    plan = drawn_run.planned(plain, CLASSES)
    some = drawn_run.images(3, count=1)
    some[0].ids[:] = 255
    found = drawn_run.rendered(plan, some, tmp_path)
    assert 'class="verdict bad"' in found
    assert "No image of the split has a score" in found
    assert "objects" not in parts(found)


def test_twelve_pictures_stay_within_three_megabytes(html: str) -> None:
    assert html.count("data:image/jpeg;base64,") == pictures.COUNT == 12
    held = sum(len(uri) for uri in re.findall(r'"data:image/[^"]+"', html))
    # Base64 takes four bytes for three.
    assert len(html.encode()) - held + 12 * pictures.HEAVIEST * 4 / 3 < 3_000_000


def test_split_that_chose_the_model_is_no_test(plain: Dataset, tmp_path: pathlib.Path) -> None:
    plan = drawn_run.planned(dataclasses.replace(plain, test=None), CLASSES)
    found = drawn_run.rendered(plan, drawn_run.images(3), tmp_path)
    assert "the same images chose the best epoch" in found


def test_foreign_names_are_inert(plain: Dataset, tmp_path: pathlib.Path) -> None:
    bad = "</script><img src=x onerror=alert(1)>"
    plan = drawn_run.planned(plain, ("ground", bad, '"><svg onload=x>'))
    some = drawn_run.images(3, names=[bad, '" onmouseover="x', "\u202egnp"])
    found = drawn_run.rendered(plan, some, tmp_path, metadata={"split_rule": bad})
    assert "<img src=x" not in found
    assert "<svg onload" not in found
    assert '" onmouseover="x' not in found
    assert "\u202e" not in found
    assert found.count("</script>") == 2


def test_confusion_has_a_cell_per_pair_and_counts_on_it(
    plain: Dataset, tmp_path: pathlib.Path
) -> None:
    for classes in (2, 34):
        plan = drawn_run.planned(plain, [f"kind {i}" for i in range(classes)])
        facts = drawn_run.scoring.facts(drawn_run.scored(plan, drawn_run.images(classes))[0])
        drawn = sections.confusion(facts)
        assert drawn.count('style="--share:') == classes**2
        n = facts["confusion"][1][0]
        share = n / sum(facts["confusion"][1])
        assert f"kind 1 taken for kind 0: {n:,} pixels, {share * 100:.1f} % of kind 1" in drawn
        assert ("confusion dense" in drawn) == (classes == 34)


def test_worst_images_and_groups_are_named_worst_first(html: str) -> None:
    worst = html[html.index('id="worst"') : html.index('id="again"')]
    images, groups = worst.split("<h3>Groups</h3>")
    scores = [float(v) for v in re.findall(r"</bdi></td><td>(\d\.\d+)", images)]
    assert len(scores) == sections.WORST
    assert scores == sorted(scores)
    assert len(re.findall("<bdi>town", groups)) == 5


def test_data_version_and_digest_are_told(plain: Dataset, tmp_path: pathlib.Path) -> None:
    plan = drawn_run.planned(plain, CLASSES)
    metadata = {"ledger_key": "2.0.1", "raw_digest": "51ab35", "findings": [{}], "partial": True}
    found = drawn_run.rendered(plan, drawn_run.images(3), tmp_path, metadata=metadata)
    told = found[found.index('id="dataset"') :]
    for word in ("2.0.1", "51ab35", "1 finding of the build", "this is no version"):
        assert word in told


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"crop": 64},
        {"augment": "street", "zoom": 0.1, "class_weights": [1.0, 2.5]},
        {"steps": None, "budget": "90s", "batch": 4, "residual": True},
        {"epochs": 3, "steps": None, "seed": 4, "loss": "ce+0.5*dice"},
    ],
)
def test_command_says_what_makes_the_same_plan(plain: Dataset, said: dict[str, object]) -> None:
    plan = planning.make(plain, drawn_run.MACHINE, {"steps": 40, **said})
    again_said = again.said(plan)
    assert planning.make(plain, drawn_run.MACHINE, again_said) == plan
    assert again_said.keys() <= {*said, "steps", "seed"}
    words = shlex.split(again.command(plan).replace("\\\n", ""))
    assert words[:3] == ["python", "-m", "recipes.unet"]
    assert {word.split("=")[0].removeprefix("--") for word in words[3:]} == {
        "dataset",
        "seed",
        "precision",
        *again_said,
    }


def test_command_keeps_a_precision_that_a_flag_said(plain: Dataset) -> None:
    """The machine of the plan may have bfloat16: nothing in it says that it has not."""
    able = dataclasses.replace(drawn_run.MACHINE, bfloat16=True)
    for machine, said in ((able, "float32"), (drawn_run.MACHINE, "bfloat16"), (able, "auto")):
        plan = planning.make(plain, machine, {"steps": 40, "precision": said})
        assert f"--precision={plan.precision}" in again.command(plan)


def test_command_tells_what_a_foreign_dataset_does_not_say(plain: Dataset) -> None:
    foreign = dataclasses.replace(
        plain,
        mask_key="segmentation_mask",
        mask_offset=1,
        classes=("class 0", "class 1"),
        held_out=15,
        data_dir="/a folder",
    )
    told = again.command(planning.make(foreign, drawn_run.MACHINE, {}))
    for flag in ("mask_key=segmentation_mask", "mask_offset=1", "num_classes=2"):
        assert f"--{flag}" in told
    assert "--validation_share=15" in told
    assert "--data_dir='/a folder'" in told


@pytest.mark.parametrize(
    ("said", "test", "split"),
    [
        ({}, "test", "test"),
        ({}, None, "validation"),
        ({"folds": 3}, "test", "test"),
        ({"folds": 3}, None, None),
        ({"folds": 3, "fold": 1}, None, "held_out"),
    ],
)
def test_page_tells_how_its_scores_come_again(
    plain: Dataset,
    tmp_path: pathlib.Path,
    said: dict[str, int],
    test: str | None,
    split: str | None,
) -> None:
    plan = drawn_run.planned(dataclasses.replace(plain, test=test), CLASSES, **said)
    found = drawn_run.rendered(plan, drawn_run.images(3), tmp_path)
    told = re.findall(r"recipes\.evaluate .*--split=(\w+)", found)
    assert told == ([split] if split else [])
    assert ("the fold held out" in found) == ("folds" in said)


def test_ensemble_tells_its_folds_their_curves_and_what_they_score(
    plain: Dataset, tmp_path: pathlib.Path
) -> None:
    plan = drawn_run.planned(plain, CLASSES, folds=2)
    drawn_run.leave_folds(plan, tmp_path)
    found = drawn_run.rendered(plan, drawn_run.images(3), tmp_path)
    assert "2 folds, mean of their probabilities (30 and 10 steps)" in found
    assert parts(found) == [SECTIONS[0], "folds", *SECTIONS[1:]]
    unfolded = found[found.index('id="folds"') : found.index('id="training"')]
    assert re.search(r"mean IoU 0\.\d{4}</b> .*95 % interval 0\.", unfolded)
    assert "by the one model that has not seen it" in unfolded
    curves = found[found.index('id="training"') : found.index('id="confusion"')]
    assert curves.count('class="key line1">fold 1') == 3
    assert "fold 0: step 20, validation mean IoU 0.5000; fold 1: step 10" in curves
    told = found[found.index('id="dataset"') : found.index('id="plan"')]
    assert "train+validation, 14 images in 2 folds" in told
    assert "about 7 images" in told
    assert f"tensorboard --logdir={shlex.quote(str(tmp_path))}<" in found


def test_plan_tells_every_entry_and_which_a_flag_said(
    plain: Dataset, tmp_path: pathlib.Path
) -> None:
    plan = drawn_run.planned(plain, CLASSES, crop=64)
    found = drawn_run.rendered(plan, drawn_run.images(3), tmp_path)
    told = found[found.index('id="plan"') :]
    for field in dataclasses.fields(page.Plan):
        if field.name not in ("dataset", "notes"):
            assert f"<code>{field.name}</code>" in told
    (crop,) = re.findall(r"<code>crop</code>.*?</tr>", told)
    assert "by flag" in crop
    (depth,) = re.findall(r"<code>depth</code>.*?</tr>", told)
    assert "by flag" not in depth
