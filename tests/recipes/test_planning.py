"""Plans follow from the dataset and the machine, and flags are kept."""

import dataclasses
import json
from typing import Any

import pytest

from recipes.core import describe, planning
from recipes.core import plan as plans
from recipes.core.dataset import Dataset, DatasetError
from recipes.core.device import Device

CPU = Device(kind="cpu", name="CPU", count=2, bfloat16=True)
OLD = dataclasses.replace(CPU, bfloat16=False)
GPU = Device(kind="gpu", name="GPU", count=1, bfloat16=True)


def test_small_dataset_on_a_cpu_gets_a_small_model_and_minutes_of_training(plain: Dataset) -> None:
    plan = planning.make(plain, CPU)
    assert (plan.crop, plan.depth, plan.width, plan.batch) == (128, 4, 16, 8)
    assert plan.precision == "bfloat16"
    assert 1000 <= plan.steps <= 3000


def test_gpu_gets_more_of_everything(plain: Dataset) -> None:
    small, large = planning.make(plain, CPU), planning.make(plain, GPU)
    assert large.crop > small.crop
    assert large.width > small.width
    assert large.batch > small.batch


def test_bfloat16_only_where_the_hardware_has_it(plain: Dataset) -> None:
    assert planning.make(plain, OLD).precision == "float32"
    assert planning.make(plain, OLD, {"precision": "auto"}).precision == "float32"
    forced = planning.make(plain, OLD, {"precision": "bfloat16"})
    assert forced.precision == "bfloat16"
    assert "imitates" in forced.notes[-1]


@pytest.mark.parametrize(("height", "width"), [(10, 200), (33, 40), (130, 5000), (64, 64)])
def test_crop_fits_the_images_and_can_be_halved(height: int, width: int, plain: Dataset) -> None:
    plan = planning.make(dataclasses.replace(plain, height=height, width=width), CPU)
    assert plan.crop % 2**plan.depth == 0
    assert plan.crop <= max(16, min(height, width))
    assert plan.crop // 2**plan.depth >= 8


def test_flags_are_kept_and_the_rest_adapts(plain: Dataset) -> None:
    said = {"crop": 64, "batch": 3, "learning_rate": 0.5, "light": 0.0, "seed": 9, "patience": 0}
    plan = planning.make(plain, CPU, said)
    assert {key: getattr(plan, key) for key in said} == said
    assert plan.depth == 3
    assert planning.make(plain, CPU, {"epochs": 4, "batch": 10}).steps == 40


def test_budget_replaces_the_steps_unless_both_are_said(plain: Dataset) -> None:
    timed = planning.make(plain, CPU, {"budget": "3m"})
    assert (timed.steps, timed.budget, timed.epoch_steps) == (0, 180.0, 0)
    assert planning.make(plain, CPU, {"budget": "3m", "steps": 70}).steps == 70


def test_longer_budget_buys_a_wider_model_and_the_plan_says_why(plain: Dataset) -> None:
    facts = dataclasses.replace(plain, train_examples=3000, height=200, width=200)
    widths = [planning.make(facts, CPU, {"budget": b}).width for b in ("90s", "10m", "40m", "8h")]
    assert widths == sorted(widths)
    assert widths[0] < widths[1] < widths[2] < widths[3]
    assert "at width" in planning.make(facts, CPU, {"budget": "10m"}).notes[-1]
    assert planning.make(facts, CPU, {"budget": "8h", "width": 12}).width == 12


def test_fold_has_its_share_of_the_budget(plain: Dataset) -> None:
    facts = dataclasses.replace(plain, train_examples=3000)
    whole, fifth = (planning.make(facts, CPU, {"budget": b}) for b in ("50m", "10m"))
    folded = planning.make(facts, CPU, {"budget": "50m", "folds": 5})
    assert folded.width == fifth.width < whole.width
    assert planning.make(facts, CPU, {"budget": "50m", "folds": 5, "fold": 1}).width == whole.width


@pytest.mark.parametrize(
    ("said", "meant"),
    [("20m", 1200), ("1h", 3600), ("90s", 90), ("1h30m", 5400), ("0.5m", 30), ("2h5s", 7205)],
)
def test_time_is_said_with_its_unit(said: str, meant: float) -> None:
    assert plans.seconds(said) == meant
    assert plans.seconds(plans.duration(meant)) == meant


@pytest.mark.parametrize("said", ["20", "", "m", "ten minutes", "-5m", "5m1h", "5 m"])
def test_time_without_sense_is_refused(said: str) -> None:
    with pytest.raises(plans.PlanError, match="write 20m, 1h"):
        plans.seconds(said)


def test_encoder_halves_five_times(plain: Dataset) -> None:
    facts = dataclasses.replace(plain, height=250, width=250)
    plan = planning.make(facts, CPU, {"encoder": "resnet50"})
    assert (plan.depth, plan.crop % 32) == (5, 0)
    assert "resnet50 (weights: none)" in plans.text(plan)


def test_plan_of_another_version_is_refused(plain: Dataset) -> None:
    written = plans.to_json(planning.make(plain, CPU))
    del written["ema"]
    with pytest.raises(plans.PlanError, match="another version of the recipes: ema"):
        plans.from_json({**written})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"crop": 100, "depth": 3}, "multiple of 8"),
        ({"class_weights": [1, 2, 3]}, "3 values for 2 classes"),
        ({"class_weights": [0, 0]}, "must be above 0"),
        ({"speed": 3}, "speed"),
        ({"steps": -1}, "--steps=-1"),
        ({"batch": 0}, "--batch=0"),
        ({"learning_rate": 0.0}, "--learning_rate"),
        ({"warmup": 1.5}, "--warmup"),
        ({"light": -1.0}, "--light"),
        ({"steps": 10, "epochs": 2}, "--steps and --epochs"),
        ({"budget": "0m"}, "--budget=0m must be above 0"),
        ({"rare_share": 1.5}, "--rare_share"),
        ({"ema": 1.0}, "--ema"),
        ({"folds": 1}, "--folds=1"),
        ({"fold": 2}, "--fold=2"),
        ({"folds": 3, "fold": 3}, "folds 0 to 2"),
        ({"encoder": "resnet9000"}, "there is plain, resnet50"),
        ({"encoder": "resnet50", "depth": 3}, "halves 5 times"),
        ({"encoder_weights": "imagenet"}, "needs an --encoder"),
    ],
)
def test_flags_that_make_no_sense_are_refused(said: dict, told: str, plain: Dataset) -> None:
    with pytest.raises(plans.PlanError, match=told):
        planning.make(plain, CPU, said)


def test_rare_classes_weigh_more_within_bounds() -> None:
    common, rare, very_rare, absent = planning.class_weights([1_000_000, 10_000, 1, 0])
    assert common < rare <= very_rare
    assert very_rare <= 5
    assert common >= 0.2
    assert absent == 1
    assert planning.class_weights([50, 50]) == (1, 1)
    assert planning.class_weights([0, 0]) == (1, 1)


def test_class_weights_fade_unless_they_are_said(plain: Dataset) -> None:
    plan = planning.make(plain, CPU, {"weights_until": 0.5})
    assert plan == planning.make(plain, CPU)
    assert plan.class_weights_at(0.0) == plan.class_weights
    assert plan.class_weights_at(0.25) == pytest.approx([(w + 1) / 2 for w in plan.class_weights])
    assert plan.class_weights_at(0.5) == plan.class_weights_at(1.0) == (1, 1)
    assert "fade to 1 in the first 50%" in plans.text(plan)
    said = planning.make(plain, CPU, {"class_weights": [1, 3]})
    assert said.class_weights_at(1.0) == (1, 3)
    assert "fade" not in plans.text(said)


def test_learning_rate_rises_then_falls_to_nothing(plain: Dataset) -> None:
    plan = planning.make(plain, CPU, {"learning_rate": 1.0, "warmup": 0.1})
    rates = [plan.learning_rate_at(i / 100) for i in range(101)]
    assert rates[0] == 0
    assert max(rates) == rates[10] == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0)
    assert plan.learning_rate_at(2.0) == pytest.approx(0)
    assert planning.make(plain, CPU, {"warmup": 0.0}).learning_rate_at(0.0) > 0


def test_plan_survives_json(plain: Dataset) -> None:
    plan = planning.make(plain, CPU, {"seed": 3})
    assert plans.from_json(json.loads(json.dumps(plans.to_json(plan)))) == plan


def test_plan_is_told_in_lines(plain: Dataset) -> None:
    text = plans.text(planning.make(plain, CPU))
    assert "building (20.0%" in text
    assert "bfloat16" in text


def test_resumed_run_keeps_its_plan(plain: Dataset) -> None:
    plan = planning.make(plain, CPU, {"seed": 3, "budget": "60m"})
    same = {"seed": 3, "class_weights": list(plan.class_weights), "precision": "auto"}
    same["budget"] = "1h"
    plans.refuse_changes(plan, dataset="aerial", described={"mask_offset": 0}, overrides=same)
    with pytest.raises(plans.PlanError, match=r"--seed=4\..* in another folder\.$"):
        plans.refuse_changes(plan, dataset=None, described=None, overrides={"seed": 4})
    for longer in ({"budget": "2h"}, {"steps": 9}, {"epochs": 9}):
        with pytest.raises(plans.PlanError, match=r"folder\. A run cannot be made longer: start a"):
            plans.refuse_changes(plan, dataset=None, described=None, overrides=longer)
    with pytest.raises(plans.PlanError, match="--dataset=voc"):
        plans.refuse_changes(plan, dataset="voc", described=None, overrides=None)
    with pytest.raises(plans.PlanError, match="--mask_offset=1"):
        plans.refuse_changes(plan, dataset=None, described={"mask_offset": 1}, overrides=None)


def test_same_flags_are_no_change_in_a_resumed_run(plain: Dataset) -> None:
    """Also those that `plan.json` has under another name, or as what they come to."""
    described = {"num_classes": 2, "void_id": 0, "validation_share": 20}
    facts = dataclasses.replace(
        plain, raw_void=0, held_out=20, train_examples=101, name="neu_seg/group_clean:1.0.0"
    )
    said = {"epochs": 3, "epoch_steps": 500, "batch": 4}
    plan = planning.make(facts, CPU, said)

    def refused(**given: Any) -> str:
        with pytest.raises(plans.PlanError) as error:
            plans.refuse_changes(
                plan, **{"dataset": None, "described": {}, "overrides": {}} | given
            )
        return str(error.value)

    for name in ("neu_seg", "neu_seg:1.0.0", "neu_seg/group_clean", "neu_seg:1.*.*", facts.name):
        plans.refuse_changes(plan, dataset=name, described=described, overrides=said)
    for name in ("neu", "neu_seg/official", "neu_seg:1.0.1", "/neu_seg", "group_clean"):
        assert f"--dataset={name}" in refused(dataset=name)
    for flag in described:
        assert f"--{flag}=7" in refused(described={flag: 7})
    for flag in said:
        assert f"--{flag}=7" in refused(overrides={flag: 7})
    whole = dataclasses.replace(plan, dataset=plain)  # it has a validation split
    plans.refuse_changes(whole, dataset=None, described={"validation_share": 9}, overrides=None)


def test_our_dataset_is_described_by_its_metadata(shapes: str) -> None:
    found = describe.describe(shapes)
    assert found.classes == ("ground", "disc", "square")
    assert found.palette[1] == (255, 0, 0)
    assert (found.height, found.width) == (51, 52)
    assert sum(found.class_pixels) > 0
    assert (found.train, found.validation, found.test) == ("train", "validation", "test")
    assert found.notes == ()
    assert found.train_examples == 12


def test_foreign_dataset_is_described_by_a_look_at_it(foreign: str) -> None:
    found = describe.describe(foreign, mask_offset=1)
    assert found.mask_key == "segmentation_mask"
    assert found.classes == ("class 0", "class 1", "class 2")
    assert (found.train, found.validation, found.test) == ("train", "train", "test")
    assert found.held_out == 15
    assert 33 <= found.height < 70
    assert found.class_pixels[0] > max(found.class_pixels[1:]) > 0
    told = " ".join(found.notes)
    assert "No validation split" in told
    assert "the dataset tells no groups apart" in told
    assert "does not name its classes; 3 were seen" in told
    assert "training examples" in told


def test_number_of_classes_can_be_said(foreign: str) -> None:
    assert len(describe.describe(foreign, mask_offset=1, num_classes=5).classes) == 5
    with pytest.raises(DatasetError, match="needs 2 to 255"):
        describe.describe(foreign, num_classes=1)


def test_missing_dataset_is_refused_with_how_to_build_it(tmp_path: object) -> None:
    with pytest.raises(DatasetError, match="`tfds build nowhere`"):
        describe.describe("nowhere", data_dir=str(tmp_path))


def test_missing_feature_is_refused_with_those_there_are(shapes: str) -> None:
    with pytest.raises(DatasetError, match=r"no feature 'photo'; it has group, id, image, mask"):
        describe.describe(shapes, image_key="photo")


def test_splits_are_chosen_and_what_is_missing_is_said() -> None:
    notes: list[str] = []
    assert describe.choose_splits(["train"], notes=notes) == ("train", "train", None)
    assert "No test split" in notes[0]
    with pytest.raises(DatasetError, match="no split 'train'"):
        describe.choose_splits(["test"], notes=notes)


@pytest.mark.parametrize(("image", "mask"), [((None, None, 3), ()), ((8, 8, 3), (8, 8, 3))])
def test_what_is_no_image_with_a_mask_is_refused(image: tuple, mask: tuple) -> None:
    describe.check_shapes(image, (None, None, 1))
    with pytest.raises(DatasetError, match="--mask_key"):
        describe.check_shapes(image, mask)
    with pytest.raises(DatasetError, match="The image has shape"):
        describe.check_shapes((8, 8), (None, None, 1))
