"""How the commands start and end: flags, exit statuses, Ctrl-C, and files they cannot write."""

import pathlib
import subprocess
import sys
import zipfile

import pytest

from seg_datasets import correcting, running
from seg_datasets.core.printing import printable


def ran(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["check", "new", "diff", "verify"])
def test_an_unknown_flag_is_wrong_usage(command):
    done = ran(f"seg_datasets.{command}", "somewhere", "--no_such_flag=1")
    assert done.returncode == 2
    assert "no_such_flag" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("check", ("--values=", "--threshold=", "--group=", "--json=", "--report=", "--dataset=")),
        ("new", ("--values=", "--from=", "--to=")),
        ("verify", ("--content ", "--data_dir=")),
    ],
)
def test_help_names_every_flag_of_the_command_and_no_path(command, flags):
    done = ran(f"seg_datasets.{command}", "--help")
    assert done.returncode == 0
    assert [flag for flag in flags if f"  {flag}" not in done.stdout] == []
    assert str(pathlib.Path(running.__file__).parent) not in done.stdout


@pytest.mark.parametrize(("raised", "status"), [(KeyboardInterrupt, 130), (BrokenPipeError, 141)])
def test_what_is_cut_short_ends_without_a_traceback(raised, status):
    code = (
        "from seg_datasets import running\n"
        f"def main(argv): raise {raised.__name__}\n"
        "running.run(main, lambda: None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "Traceback" not in done.stderr


def test_text_that_a_terminal_cannot_show_is_no_crash():
    code = (
        "from seg_datasets import running\n"
        "def main(argv): print('256×256 →'); return 0\n"
        "running.run(main, lambda: None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
    )
    assert (done.returncode, done.stdout) == (0, "256\\xd7256 \\u2192\n")


def test_a_file_that_cannot_be_written_is_told_before_the_work(tmp_path):
    assert running.unwritable("json", "") == ""
    assert running.unwritable("json", str(tmp_path / "found.json")) == ""
    assert "is a folder" in running.unwritable("json", str(tmp_path))
    assert "there is no folder" in running.unwritable("report", str(tmp_path / "a" / "b.html"))
    done = ran("seg_datasets.check", tmp_path, f"--report={tmp_path}/a/b.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert "make it first" in done.stderr


def test_what_is_no_folder_is_told_with_what_to_do(tmp_path):
    assert correcting.no_folder(str(tmp_path)) == ""
    assert "nothing of this name" in correcting.no_folder(str(tmp_path / "nowhere"))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    assert "unpack it" in correcting.no_folder(str(tmp_path / "set.zip"))
    (tmp_path / "a.txt").write_text("a")
    assert "but a file" in correcting.no_folder(str(tmp_path / "a.txt"))


def test_names_of_strangers_do_not_steer_the_terminal():
    assert printable("a\x1b[31mb\n") == "a\\x1b[31mb\\n"
    assert printable("Zürich 日本") == "Zürich 日本"
