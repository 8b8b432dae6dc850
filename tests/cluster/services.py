"""The Flink cluster itself: what runs on which host. `flink.py` starts this program, nobody else.

Where it may, `flink.py` starts it in namespaces of its own, for processes and for the network: it
is then their first process, and when it ends, for whatever reason, the system ends every process
of the cluster and takes the network down. It ends when its standard input does, so also when the
program that started it is killed.

    the network of this program   job manager, Beam's job server      10.97.0.1
    host 1                        task manager 1, worker pool 1       10.97.0.11
    host 2                        task manager 2, worker pool 2       10.97.0.12

Without namespaces all are on 127.0.0.1 with ports of their own, and share one worker pool: Beam
knows one address for the pools, which is each host's own only where each has its own 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import shutil
import socket
import sys
import time
import urllib.request
from typing import Any

from hosts import HOSTS, Host, Processes, StartError, network

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

# Started by hand, a task manager must be told every part of its memory. A task manager that is
# killed is noticed by its connection; the long timeouts are for machines with too much to do.
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
heartbeat.timeout: 120000
pekko.ask.timeout: 120 s
pekko.tcp.timeout: 120 s
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


def main() -> None:
    settings = Settings(**json.loads(sys.argv[1]))
    folder = pathlib.Path(settings.folder)
    (folder / "logs").mkdir()
    (folder / "config.yaml").write_text(_CONFIG)
    (folder / "log4j.properties").write_text(_LOGGING)
    processes = Processes(folder / "logs")
    with contextlib.ExitStack() as stack:
        # Who started this does so as well, unless it was killed.
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            hosts = stack.enter_context(network(folder, namespaces=settings.namespaces))
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
