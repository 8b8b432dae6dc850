"""Facts in columns are the facts: whatever their number, in memory, on disk and on their way."""

import dataclasses
import pathlib
import pickle
import random

import numpy as np
import pytest

from seg_datasets.core import collecting, columns
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.columns import Facts, Writer
from seg_datasets.core.facts import ImageFacts, MaskFacts, PairFacts, SampleFacts
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder, ImageMaskFolders

KINDS = [("JPEG", "RGB", 1), ("JPEG", "RGB", 6), ("PNG", "RGBA", 1), ("TIFF", "I;16", 1)]
KINDS += [("NPY", "5 bands;16", 1)]


def digest(random: random.Random) -> str:
    return random.randbytes(32).hex()


def drawn(seed: int) -> SampleFacts:
    """A sample with every field other than it is by default."""
    dice = random.Random(seed)
    kind, mode, turned = dice.choice(KINDS)
    image = ImageFacts(
        sha256=digest(dice),
        bytes=dice.randrange(1 << 40),
        format=kind,
        mode=mode,
        depth=dice.choice((8, 16)),
        width=dice.randrange(70_000),
        height=dice.randrange(70_000),
        orientation=turned,
        pixels=dice.choice(("", digest(dice))),
        opaque=dice.random() < 0.5,
        constant=dice.random() < 0.5,
        problem=dice.choice(("", "is cut off")),
        thumb=dice.choice(("", dice.randbytes(256).hex())),
        geo=dice.choice(((), (0.5, 0.0, 1e6 / 3, 0.0, -0.5, 5.8e6))),
        crs=dice.choice(("", "EPSG:32633")),
    )
    mask = MaskFacts(
        sha256=digest(dice),
        bytes=dice.randrange(1 << 40),
        format="PNG",
        mode="L",
        width=3,
        height=4,
        ids=digest(dice),
        counts={dice.randrange(4): dice.randrange(1 << 40), 255: 0},
        stray={1 << 31: 2},
        stray_values=7,
        rim_values=1,
        rim_pixels=dice.randrange(1 << 40),
        as_stored=dice.random() < 0.5,
        greatest=0xFFFFFFFF,
        borders=5,
        blended=6,
        palette={1: 0xFF00FF},
        misfit=dice.choice(("", "colours")),
        specks={2: 3},
        alpha="soft",
        lost={513: 4},
        nothing=("ä/b.png", "c.png"),
    )
    return SampleFacts(
        Sample(
            id=f"stadt/ü{seed}",
            image=f"images/u\u0308{seed}.png",
            mask=f"masks/{seed}.png",
            group=f"g{dice.randrange(3)}",
            folder=dice.choice(("", "train")),
            drawing=dice.randbytes(dice.randrange(40)),
            view=dice.choice(("", '{"kind": "tile"}')),
            mask_view=dice.choice(("", "{}")),
            parts=("a.json", f"{seed}.tif"),
        ),
        image,
        mask,
        PairFacts(shift=(-3, 2), shift_gain=dice.random(), nodata=1 << 33, nodata_value="-9999"),
    )


SAMPLES = [drawn(seed) for seed in range(50)]


@pytest.fixture(params=["kept", "made each time", "on disk"])
def facts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Facts:
    if request.param != "kept":
        monkeypatch.setattr(columns, "KEPT", 3)
    if request.param == "on disk":
        monkeypatch.setattr(columns, "BATCH", 7)
    return Facts.of(SAMPLES)


def test_every_field_comes_back(facts: Facts) -> None:
    assert [*facts] == SAMPLES
    assert facts == SAMPLES
    assert facts != SAMPLES[::-1]
    assert [facts[at] for at in (0, 49, -1, -50)] == [SAMPLES[at] for at in (0, 49, -1, -50)]
    assert facts[3:40:5] == SAMPLES[3:40:5]
    with pytest.raises(IndexError):
        facts[50]


def test_a_choice_of_rows_is_that_of_the_samples(facts: Facts) -> None:
    rows = random.Random(1).sample(range(50), 31)
    chosen, expected = facts.take(np.array(rows)), [SAMPLES[row] for row in rows]
    again, twice = chosen.take(np.array([30, 0, 4])), [expected[at] for at in (30, 0, 4)]
    for some, samples in ((facts, SAMPLES), (chosen, expected), (again, twice)):
        assert [*some] == samples
        assert [*some.values("sample.id")] == [s.sample.id for s in samples]
        assert some.numbers("image.bytes").tolist() == [s.image.bytes for s in samples]
        assert [bytes(row) for row in some.contents] == [s.content for s in samples]
        assert len({bytes(row) for row in some.raw}) == len(samples)
        assert some.stored_as_is.tolist() == [s.image.stored_as_is for s in samples]
        names, codes = some.groups()
        assert [names[code] for code in codes] == [s.sample.group for s in samples]
        counted = {(row, i, n) for row, s in enumerate(samples) for i, n in s.mask.counts.items()}
        assert {*zip(*(a.tolist() for a in some.amounts()), strict=True)} == counted


def test_another_process_gets_the_rows_that_are_meant_and_no_more(facts: Facts) -> None:
    few = facts[5:9]
    sent = pickle.dumps(few)
    assert pickle.loads(sent) == SAMPLES[5:9]
    assert len(sent) < len(pickle.dumps(facts)) / 3


def test_other_groups_change_nothing_else(facts: Facts) -> None:
    expected = [
        dataclasses.replace(s, sample=dataclasses.replace(s.sample, group=f"{i % 7}"))
        for i, s in enumerate(SAMPLES[10:30])
    ]
    assert facts[10:30].with_groups([s.sample.group for s in expected]) == expected


def test_none_are_none() -> None:
    none = Facts.of([])
    assert [*none] == []
    assert none.contents.shape == (0, 32)
    assert none.record_bytes.tolist() == []
    assert none.groups() == ([], pytest.approx(np.zeros(0)))
    assert [column.tolist() for column in none.amounts()] == [[], [], []]


def test_many_wait_on_disk_and_leave_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "BATCH", 7)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Writer() as writer:
        for one in SAMPLES:
            writer.add(one)
        assert len([*tmp_path.iterdir()]) == 1
        facts = writer.done()
    assert [*tmp_path.iterdir()] == []
    assert facts == SAMPLES


def test_a_look_gives_the_facts_in_the_order_of_the_samples(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where some are remembered, some are new, and all of them are too many for memory."""
    from PIL import Image

    from seg_datasets.core.cache import FactsCache

    monkeypatch.setattr(columns, "BATCH", 4)
    monkeypatch.setattr("seg_datasets.core.sources.folder._FRESH", 0)
    monkeypatch.setenv("SEG_DATASETS_CACHE", str(tmp_path / "cache"))
    source, raw = ImageMaskFolders(values={0: "a", 1: "b"}), tmp_path / "raw"
    for kind in ("images", "masks"):
        (raw / kind).mkdir(parents=True)
    table = source.table(ClassTable("a", "b"))

    def draw(numbers: range) -> None:
        for i in numbers:
            Image.new("RGB", (4, 4), (i, 0, 0)).save(raw / "images" / f"{i:02}.png")
            Image.new("L", (4, 4), i % 2).save(raw / "masks" / f"{i:02}.png")

    def look(cache: FactsCache | None) -> Facts:
        folder = Folder(raw)
        return collecting.collect(
            source.scan(folder).samples, folder=folder, table=table, cache=cache
        )

    draw(range(0, 20, 2))
    first = look(FactsCache(raw))
    draw(range(1, 20, 2))
    both, anew = look(FactsCache(raw)), look(None)
    assert [f.sample.id for f in both] == [f"{i:02}" for i in range(20)]
    assert both == anew
    assert both[::2] == first
