"""How the commands start and end: flags, `--help`, exit statuses, Ctrl-C and closed pipes."""

from __future__ import annotations

import contextlib
import inspect
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from absl import app, flags, logging

FLAGS = flags.FLAGS

# What a shell gives a command that a signal ended.
_INTERRUPTED, _PIPE_CLOSED = 130, 141


def run(main: Callable[[Sequence[str]], int], define_flags: Callable[[], None]) -> NoReturn:
    """Runs a command; wrong flags end with the exit status 2, as other wrong usage does."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes on processors
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a stream of somebody's own
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    logging.set_verbosity(logging.WARNING)  # TFDS tells of each file it reads
    before = set(FLAGS)
    define_flags()
    own = [name for name in FLAGS if name not in before]
    if any(word in sys.argv[1:] for word in ("--help", "-h", "--helpshort")):
        print(_help(main, own))
        sys.exit(0)
    with _ending():
        app.run(lambda argv: sys.exit(main(argv)), flags_parser=_parse_flags)
    raise AssertionError("absl's app.run does not return")


def unwritable(flag: str, file: str) -> str:
    """Why a file that a flag asks for cannot be written, known before long work; or ""."""
    path = pathlib.Path(file)
    if not file:
        return ""
    if path.is_dir():
        return f"--{flag}={file} is a folder; name a file"
    if not path.parent.is_dir():
        return f"--{flag}={file}: there is no folder {path.parent}; make it first"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return f"--{flag}={file} cannot be written: permission denied"
    return ""


def _parse_flags(argv: list[str]) -> list[str]:
    """As absl does, but for the exit status, which is 1 there."""
    try:
        return FLAGS(argv)
    except flags.Error as error:
        print(f"{error}; --help tells the flags", file=sys.stderr)
        sys.exit(2)


@contextlib.contextmanager
def _ending():  # type: ignore[no-untyped-def]
    """Ctrl-C and a reader that has gone away (`| head`) end a command without a traceback."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Python flushes once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_PIPE_CLOSED)


def _help(main: Callable[[Sequence[str]], int], names: Sequence[str]) -> str:
    """The command's docstring and its own flags."""
    lines = [inspect.getdoc(inspect.getmodule(main)) or "", "", "Flags:"]
    for name in sorted(names):
        flag = FLAGS[name]
        said = f"--{name}" if flag.boolean else f"--{name}="
        default = f" Default: {flag.default}." if flag.default else ""
        told = (flag.help or "").partition(";\n")[0]  # absl adds how to repeat a flag
        lines.append(f"  {said:15} {told}{default}")
    return "\n".join(lines)
