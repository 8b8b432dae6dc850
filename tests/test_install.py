"""An install from a wheel, in another folder, works like the checkout."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

PROJECT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which the built wheel was installed."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # From a copy of what git would give: a build leaves its traces beside setup.py.
    source = folder / "source"
    names = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
    for name in (*names, "seg_datasets", "recipes", "checksums", "docs"):
        subprocess.run(["cp", "-r", PROJECT / name, _made(source) / name], check=True)
    wheel = ["wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", source]
    subprocess.run([*pip, *wheel], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    target = ["install", "--no-deps", f"--target={folder / 'site'}", built]
    subprocess.run([*pip, *target], check=True, capture_output=True)
    return folder / "site"


def _made(folder):
    folder.mkdir(exist_ok=True)
    return folder


def run_there(site, code):
    """What a script prints that finds this project only in the installed folder."""
    environment = {**os.environ, "PYTHONPATH": str(site), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("SEG_DATASETS_CHECKSUMS", None)
    # The editable install of the checkout comes after PYTHONPATH.
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment, cwd=site, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_wheel_holds_documents_and_ledger_of_every_dataset(site):
    code = (
        "import json, pathlib, seg_datasets\n"
        "from seg_datasets import registration\n"
        "out = {}\n"
        "for name in registration.dataset_names():\n"
        "    cls = registration.builder_class(name)\n"
        "    meta = cls.get_metadata()\n"
        "    out[name] = [bool(meta.description), meta.citation is not None, meta.tags,\n"
        "                 str(cls.ledger_path()), cls.ledger_path().is_file()]\n"
        "print(json.dumps([seg_datasets.__file__, out]))\n"
    )
    file, datasets = run_there(site, code)
    assert pathlib.Path(file).is_relative_to(site)
    assert "aerial" in datasets
    for name, (description, citation, tags, ledger, _) in datasets.items():
        assert description
        assert citation
        assert "ml.task.semantic-segmentation" in tags
        # The folder of a user of `seg_folder` is no dataset of ours: its ledger lies with them.
        assert pathlib.Path(ledger).is_relative_to(site) or name == "seg_folder"
    assert datasets["aerial"][-1]
    assert (site / "seg_datasets/docs/checks.md").is_file()
    for name in ("style.css", "gallery.css", "gallery.js"):
        assert (site / "seg_datasets/core/report" / name).is_file()


def test_import_is_light():
    code = (
        "import sys, json, time\n"
        "start = time.perf_counter()\n"
        "import seg_datasets\n"
        "heavy = ('tensorflow', 'tensorflow_datasets', 'apache_beam', 'keras')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_files_stay_readable():
    """No file is longer than 350 lines, no dataset folder longer than 40 lines of Python."""
    folders = ("seg_datasets", "recipes", "benchmarks", "tests")
    lines = {
        path.relative_to(PROJECT).as_posix(): len(path.read_text().splitlines())
        for folder in folders
        for path in (PROJECT / folder).rglob("*.py")
    }
    assert {name: n for name, n in lines.items() if n > 350} == {}
    builders = {name: n for name, n in lines.items() if name.endswith("_dataset_builder.py")}
    assert builders
    assert max(builders.values()) <= 40


def test_nothing_names_a_machine_or_a_registry():
    """No absolute path of a machine and no package registry's host stands in a tracked file."""
    if not (PROJECT / ".git").exists():
        pytest.skip("not a git checkout: which files are part of the project is not known")
    listing = ["git", "-c", "safe.directory=*", "ls-files"]
    done = subprocess.run(listing, cwd=PROJECT, capture_output=True, text=True, check=True)
    tracked = done.stdout.split()
    forbidden = ["/" + "work/", "/" + "root/", "/" + "home/", "pypi" + ".org", "pythonhosted" + "."]
    for name in tracked:
        if not name.endswith((".png", ".jpg")):
            text = (PROJECT / name).read_text(encoding="utf-8")
            assert not [word for word in forbidden if word in text], name
