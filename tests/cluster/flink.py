"""A real Apache Flink cluster on this machine: a job manager, two hosts, each with its workers.

    python tests/cluster/flink.py run -- COMMAND …    # starts it, runs the command in it, stops it
    python tests/cluster/flink.py run -- bash         # look around in it
    python tests/cluster/flink.py leftovers           # what clusters have left running; 1 if any

The command finds in `$BEAM_OPTIONS` what `tfds build --beam_pipeline_options=` needs:

    python tests/cluster/flink.py run -- sh -c 'tfds build seg_datasets/aerial \\
        --manual_dir=RAW --data_dir=DATA --beam_pipeline_options=$BEAM_OPTIONS'

Flink comes from PyPI (`pip install -e '.[cluster]'`), Beam's job server from Maven, by `pom.xml`
beside this file; the first start fetches it. Java, Maven and `ip` are Debian packages. Where this
process may make namespaces, each host has a network of its own; otherwise all are on 127.0.0.1.
`services.py` tells how they are laid out. Nothing outlives the command, also when it is killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import importlib.metadata
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import services
from hosts import HOSTS, StartError

_HERE = pathlib.Path(__file__).resolve().parent
_JOB_SERVER = _HERE / "target" / "flink-job-server.jar"

# In the environment of every process of a cluster, so that one left behind is found.
_MARK = "SEG_DATASETS_CLUSTER"

_PACKAGES = {
    "java": "default-jre-headless",
    "mvn": "maven",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}


class MissingError(RuntimeError):
    """Something that has to be installed first."""


class Cluster:
    """A context in which the cluster runs.

    Attributes:
      beam_options: for `tfds build --beam_pipeline_options=`.
      beam_options_flink_runner: the same, with a job server of the build's own.
      namespaces: whether each host has a network of its own; if not, both share one worker pool.
    """

    def __init__(
        self,
        *,
        namespaces: bool | None = None,
        environment: Mapping[str, str] | None = None,
        patience: float = 300.0,
    ) -> None:
        """A cluster that is started by entering its context.

        Args:
          namespaces: whether to make them; None tries.
          environment: more variables for every process of the cluster.
          patience: seconds to wait until it is there.
        """
        self.namespaces = _may_make_namespaces() if namespaces is None else namespaces
        self._more, self._patience = dict(environment or {}), patience
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Cluster:
        settings = services.Settings(
            folder=self._stack.enter_context(_temporary_folder()),
            namespaces=self.namespaces,
            flink=flink_class_path(),
            job_server=str(job_server()),
            patience=self._patience,
        )
        self.folder = pathlib.Path(settings.folder)
        program = [
            sys.executable,
            str(_HERE / "services.py"),
            json.dumps(dataclasses.asdict(settings)),
        ]
        self._process = subprocess.Popen(
            [*(_unshare() if self.namespaces else ()), *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )
        self._stack.callback(self._stop)
        try:
            self._at = self._hear()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def beam_options(self) -> str:
        return self._options("PortableRunner", f"job_endpoint={self._at['job_endpoint']}")

    @property
    def beam_options_flink_runner(self) -> str:
        return self._options(
            "FlinkRunner",
            f"flink_master={self._at['flink_master']}",
            "flink_version=1.19",
            f"flink_job_server_jar={job_server()}",
        )

    @property
    def pools(self) -> list[str]:
        """Names of the worker pools."""
        return [f"pool-{i}" for i in range(1, self._at["pools"] + 1)]

    def _options(self, runner: str, *more: str) -> str:
        where = f"environment_config={self._at['environment_config']}"
        workers = ("environment_type=EXTERNAL", where, f"parallelism={HOSTS}")
        return ",".join([f"runner={runner}", *more, *workers])

    def command(self, *words: str | os.PathLike[str]) -> list[str]:
        """The command, for the place where the job manager is; it dies with who starts it."""
        enter = ["setpriv", "--pdeathsig", "KILL"]
        if self.namespaces:
            enter += ["nsenter", f"--target={self._first_process()}", "--net"]
            enter += [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
            # What the command starts in its turn dies with it, too.
            enter += ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        return [*enter, *map(os.fspath, words)]

    def environment(self) -> dict[str, str]:
        """The variables of every process of the cluster, and of the commands in it."""
        # A worker pool starts `python` by that name: it must be the one that has our packages.
        path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
        mark = {_MARK: str(self.folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
        return {**os.environ, "PATH": path, **mark, **self._more}

    def log(self, name: str) -> str:
        """What a process has said."""
        return (self.folder / "logs" / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """Ends a process, `task-manager-1` or `pool-2`, and what it has started, by `kill -9`."""
        self._tell("kill", name)

    def start(self, name: str) -> None:
        """Starts a process again that was killed."""
        self._tell("start", name)

    def _tell(self, verb: str, name: str) -> None:
        print(json.dumps([verb, name]), file=self._process.stdin, flush=True)
        self._hear()

    def _hear(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            raise StartError("the cluster has ended; the reason stands above")
        answer = json.loads(line)
        if "failed" in answer:
            raise StartError(answer["failed"])
        return answer

    def _stop(self) -> None:
        self._process.stdin.close()  # what it waits for
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _first_process(self) -> int:
        """The first process of the namespaces, by the number it has outside them."""
        pid = self._process.pid
        return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def job_server() -> pathlib.Path:
    """The jar of Beam's job server; fetched by Maven where it is not there or `pom.xml` is newer.

    Raises:
      MissingError: Java or Maven is not installed, or Maven could not fetch it.
    """
    _refuse_missing("java")
    pom = _HERE / "pom.xml"
    with (_HERE / "pom.xml").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # another process may be at it
        if not _JOB_SERVER.is_file() or _JOB_SERVER.stat().st_mtime < pom.stat().st_mtime:
            _refuse_missing("mvn")
            done = subprocess.run(
                ["mvn", "--batch-mode", "--quiet", f"--file={pom}", "package"],
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if done.returncode:
                raise MissingError(f"Maven could not make {_JOB_SERVER}:\n{done.stdout[-3000:]}")
            _JOB_SERVER.touch()
    return _JOB_SERVER


def flink_class_path() -> str:
    """Flink itself and its logging.

    Raises:
      MissingError: the package is not installed.
    """
    name = "apache-flink-libraries"
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        raise MissingError(f"{name} is not installed: pip install -e '.[cluster]'") from None
    jars = [
        f for f in files if f.parent.name == "lib" and f.name.startswith(("flink-dist", "log4j-"))
    ]
    if not jars:
        raise MissingError(f"{name} has no lib/flink-dist*.jar; install it again")
    return os.pathsep.join(sorted(str(jar.locate()) for jar in jars))


@dataclasses.dataclass(frozen=True)
class Left:
    """A process of a cluster that is running.

    Attributes:
      cluster: the folder of its cluster.
    """

    pid: int
    words: str
    cluster: str


def leftovers(cluster: str | None = None) -> list[Left]:
    """Processes of a cluster, or of any, that are running."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            variables = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            words = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            marks = [one.partition("=")[2] for one in variables if one.startswith(f"{_MARK}=")]
            found += [Left(int(folder.name), words, mark) for mark in marks]
    return [one for one in found if cluster in (None, one.cluster)]


def _refuse_missing(program: str) -> None:
    if not shutil.which(program):
        raise MissingError(f"no `{program}` here: apt-get install {_PACKAGES[program]}")


def _may_make_namespaces() -> bool:
    """Tries it; says why not."""
    for program in ("ip", "unshare", "nsenter"):
        _refuse_missing(program)
    words = [*_unshare(), "ip", "link", "add", "probe", "type", "bridge"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"no namespaces here, all hosts on 127.0.0.1: {done.stderr.strip()}", file=sys.stderr)
    return done.returncode == 0


def _unshare() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="flink-", ignore_cleanup_errors=True)


def _run(command: Sequence[str]) -> int:
    with Cluster() as cluster:
        if not cluster.namespaces:
            print("both hosts share one worker pool", file=sys.stderr)
        variables = {**cluster.environment(), "BEAM_OPTIONS": cluster.beam_options}
        return subprocess.run(cluster.command(*command), check=False, env=variables).returncode


def main(argv: list[str]) -> int:
    if argv[:2] == ["run", "--"] and argv[2:]:
        try:
            return _run(argv[2:])
        except (MissingError, StartError) as error:
            print(error, file=sys.stderr)
            return 1
    if argv == ["leftovers"]:
        left = leftovers()
        for one in left:
            print(one.pid, one.cluster, one.words[:150])
        print(f"{len(left)} processes of clusters are running")
        return 1 if left else 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
