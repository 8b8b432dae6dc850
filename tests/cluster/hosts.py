"""The hosts of a Flink cluster and what runs on them. `flink.py` starts this program, nobody else.

Where it may, `flink.py` starts it in namespaces of its own, for processes and for the network: it
is then their first process, and when it ends, for whatever reason, the system ends every process
of the cluster and takes the network down. It ends when its standard input does, so also when the
program that started it is killed.

    the network of this program   job manager, Beam's job server      10.97.0.1
    host 1                        task manager 1, worker pool 1       10.97.0.11
    host 2                        task manager 2, worker pool 2       10.97.0.12

Each host is a network namespace with one cable to a bridge. Without namespaces all of them are on
127.0.0.1 with ports of their own, and share one worker pool: the one address of the pool that Beam
knows means each host's own pool only where each host has its own 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

HOSTS = 2

# Flink reaches into Java's own classes; its start scripts pass the same.
_OPENED = ("lang", "lang.reflect", "net", "io", "nio", "text", "time", "util", "util.concurrent")
_JAVA = [
    "java",
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _OPENED),
    "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent.locks=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    # Processes that live for minutes, four of them on two cores.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xmx512m",
]

# Started by hand, a task manager must be told every part of its memory.
_CONFIG = """\
taskmanager.numberOfTaskSlots: 1
taskmanager.cpu.cores: 1
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 256m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 128m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
jobmanager.memory.process.size: 1g
heartbeat.interval: 2000
heartbeat.timeout: 60000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 5
restart-strategy.fixed-delay.delay: 1 s
classloader.check-leaked-classloader: false
"""

_LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = CONSOLE
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1.} - %m%n
"""


class StartError(RuntimeError):
    """The cluster does not come up."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What `flink.py` hands over.

    Attributes:
      folder: for logs, configuration and the temporary files of all hosts.
      namespaces: whether this process is in a network of its own.
      flink: class path of Flink.
      job_server: the jar of Beam's job server.
      patience: seconds to wait until the cluster is there.
    """

    folder: str
    namespaces: bool
    flink: str
    job_server: str
    patience: float


@dataclasses.dataclass(frozen=True)
class Host:
    """A machine, as good as: an address, and the words that run a command there."""

    name: str
    address: str
    folder: pathlib.Path
    enter: tuple[str, ...] = ()


class Processes:
    """What runs on the hosts, by name; each in a process group and with a log of its own."""

    def __init__(self, logs: pathlib.Path) -> None:
        self._logs = logs
        self._commands: dict[str, tuple[Host, list[str]]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, host: Host, command: list[str]) -> None:
        """Starts a process."""
        self._commands[name] = (host, command)
        self.start_again(name)

    def start_again(self, name: str) -> None:
        """Starts a process that was killed."""
        host, command = self._commands[name]
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [*host.enter, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=host.folder,
                env={**os.environ, "TMPDIR": str(host.folder)},
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Ends a process and all it has started, as a host that loses its power does."""
        process = self._running[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_all(self) -> None:
        """Ends everything."""
        for name in self._running:
            self.kill(name)

    def said(self, name: str, words: str) -> bool:
        """Whether the words are in the log of the process."""
        return words in self._log(name).read_text(errors="replace")

    def refuse_dead(self) -> None:
        """Raises StartError with the end of the log of a process that has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                tail = "\n".join(self._log(name).read_text(errors="replace").splitlines()[-15:])
                raise StartError(f"{name} ended with status {process.returncode}:\n{tail}")

    def _log(self, name: str) -> pathlib.Path:
        return self._logs / f"{name}.log"


def main() -> None:
    settings = Settings(**json.loads(sys.argv[1]))
    folder = pathlib.Path(settings.folder)
    (folder / "logs").mkdir()
    (folder / "config.yaml").write_text(_CONFIG)
    (folder / "log4j.properties").write_text(_LOGGING)
    processes = Processes(folder / "logs")
    with contextlib.ExitStack() as stack:
        try:
            hosts = stack.enter_context(_network(settings))
            stack.callback(processes.kill_all)
            _say(_start(settings, hosts, processes))
        except (StartError, OSError) as error:
            _say({"failed": str(error)})
            return
        for line in sys.stdin:
            verb, name = json.loads(line)
            (processes.kill if verb == "kill" else processes.start_again)(name)
            _say({"done": name})


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


@contextlib.contextmanager
def _network(settings: Settings) -> Iterator[list[Host]]:
    """The hosts; the first is the one of the job manager."""
    names = ["job-manager", *(f"host-{i}" for i in range(1, HOSTS + 1))]
    folders = [pathlib.Path(settings.folder, name) for name in names]
    for folder in folders:
        folder.mkdir()
    if not settings.namespaces:
        # No process namespace either: the system is asked to end each process with this one.
        alone = ("setpriv", "--pdeathsig", "KILL")
        yield [Host(n, "127.0.0.1", at, alone) for n, at in zip(names, folders, strict=True)]
        return
    _names_resolve(pathlib.Path(settings.folder))
    _ip("link set lo up")
    _ip("link add bridge0 type bridge")
    _ip("addr add 10.97.0.1/24 dev bridge0")
    _ip("link set bridge0 up")
    hosts = [Host(names[0], "10.97.0.1", folders[0])]
    holders = []
    try:
        for i in range(1, HOSTS + 1):
            # A namespace lives as long as a process is in it: this one, until this program ends.
            holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
            holders.append(holder)
            enter = ("nsenter", f"--net=/proc/{holder.pid}/ns/net")
            while _network_of(holder.pid) == _network_of(os.getpid()):
                if holder.poll() is not None:
                    raise StartError("unshare --net: no namespace for a host")
                time.sleep(0.01)
            _ip(f"link add cable{i} type veth peer name eth0 netns {holder.pid}")
            _ip(f"link set cable{i} master bridge0 up")
            _ip("link set lo up", *enter)
            _ip(f"addr add 10.97.0.{10 + i}/24 dev eth0", *enter)
            _ip("link set eth0 up", *enter)
            hosts.append(Host(names[i], f"10.97.0.{10 + i}", folders[i], enter))
        yield hosts
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def _names_resolve(folder: pathlib.Path) -> None:
    """Lets the hosts know each other's names: no name server can be reached from their network, and
    Java, asking for the name of an address, would wait for one at every connection.

    Other processes of the machine see nothing of it: the mounts are in a namespace as well.
    """
    known = {"127.0.0.1": f"localhost {socket.gethostname()}", "10.97.0.1": "job-manager"}
    known |= {f"10.97.0.{10 + i}": f"host-{i}" for i in range(1, HOSTS + 1)}
    for name, text in (
        ("hosts", "".join(f"{address} {names}\n" for address, names in known.items())),
        ("resolv.conf", ""),
    ):
        (folder / name).write_text(text)
        if pathlib.Path("/etc", name).exists():
            _do(f"mount --bind {folder / name} /etc/{name}")


def _ip(words: str, *enter: str) -> None:
    _do(f"ip {words}", *enter)


def _do(words: str, *enter: str) -> None:
    done = subprocess.run([*enter, *words.split()], check=False, capture_output=True, text=True)
    if done.returncode:
        raise StartError(f"{words}: {done.stderr.strip()}")


def _network_of(pid: int) -> str:
    return str(pathlib.Path(f"/proc/{pid}/ns/net").readlink())


def _start(settings: Settings, hosts: list[Host], processes: Processes) -> dict[str, Any]:
    """Starts everything and waits until it is there."""
    first, workers = hosts[0], hosts[1:]
    # With networks of their own no port is taken; otherwise whatever is free.
    rest, rpc, pool, job, artifacts, expansion = (
        (8081, 6123, 50000, 8099, 8098, 8097) if settings.namespaces else _free_ports(6)
    )
    own = ["--configDir", settings.folder]
    own += ["-D", f"jobmanager.rpc.address={first.address}", "-D", f"jobmanager.rpc.port={rpc}"]
    own += ["-D", f"rest.address={first.address}", "-D", f"rest.port={rest}"]
    own += ["-D", f"rest.bind-port={rest}", "-D", f"rest.bind-address={first.address}"]
    # The dispatcher sends jars to the blob server beside it, by the name localhost.
    bind = "0.0.0.0" if settings.namespaces else first.address
    package = "org.apache.flink.runtime"
    processes.start(
        "job-manager",
        first,
        [
            *_java(settings, first, settings.flink),
            f"{package}.entrypoint.StandaloneSessionClusterEntrypoint",
            *own,
            *("-D", f"jobmanager.bind-host={bind}", "-D", f"io.tmp.dirs={first.folder}"),
        ],
    )
    processes.start(
        "job-server",
        first,
        [
            *_java(settings, first, settings.job_server),
            "org.apache.beam.runners.flink.FlinkJobServerDriver",
            f"--flink-master={first.address}:{rest}",
            f"--job-port={job}",
            f"--artifact-port={artifacts}",
            f"--expansion-port={expansion}",
            f"--artifacts-dir={settings.folder}/artifacts",
        ],
    )
    pools = workers if settings.namespaces else workers[:1]
    for i, host in enumerate(workers, 1):
        task_manager = [
            *_java(settings, host, settings.flink),
            f"{package}.taskexecutor.TaskManagerRunner",
            *own,
            *("-D", f"taskmanager.host={host.address}", "-D", f"io.tmp.dirs={host.folder}"),
            *("-D", f"taskmanager.bind-host={host.address}"),
        ]
        processes.start(f"task-manager-{i}", host, task_manager)
    for i, host in enumerate(pools, 1):
        module = "apache_beam.runners.worker.worker_pool_main"
        processes.start(f"pool-{i}", host, [sys.executable, "-m", module, f"--service_port={pool}"])
    overview = f"http://{first.address}:{rest}/overview"
    deadline = time.monotonic() + settings.patience
    while not (
        _slots(overview) == HOSTS
        and processes.said("job-server", "Job server now running")
        and all(processes.said(f"pool-{i}", "Started worker pool") for i, _ in enumerate(pools, 1))
    ):
        processes.refuse_dead()
        if time.monotonic() > deadline:
            raise StartError(f"not there after {settings.patience:.0f} s; see {settings.folder}")
        time.sleep(0.2)
    return {
        "flink_master": f"{first.address}:{rest}",
        "job_endpoint": f"localhost:{job}",
        "environment_config": f"localhost:{pool}",
        "pools": len(pools),
    }


def _java(settings: Settings, host: Host, class_path: str) -> list[str]:
    return [
        *_JAVA,
        f"-Djava.io.tmpdir={host.folder}",
        f"-Dlog4j.configurationFile={settings.folder}/log4j.properties",
        "-cp",
        class_path,
    ]


def _slots(overview: str) -> int:
    """How many task slots have reported to the job manager."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(overview, timeout=10) as answer:
            return int(json.load(answer)["slots-available"])
    except (OSError, ValueError, KeyError):
        return 0


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


if __name__ == "__main__":
    main()
