"""Hosts for a cluster on one machine, and the processes on them.

Each host is a network namespace with one cable to a bridge, where namespaces may be made. They
vanish with the last process in them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

HOSTS = 2


class StartError(RuntimeError):
    """The cluster does not come up."""


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
        """Raises StartError with what a process has said that has ended, from its first error."""
        for name, process in self._running.items():
            if process.poll() is not None:
                lines = self._log(name).read_text(errors="replace").splitlines()
                errors = [i for i, line in enumerate(lines) if "ERROR" in line or "Error" in line]
                first = errors[0] if errors else max(0, len(lines) - 15)
                told = "\n".join(lines[first : first + 40])
                raise StartError(f"{name} ended with status {process.returncode}:\n{told}")

    def _log(self, name: str) -> pathlib.Path:
        return self._logs / f"{name}.log"


@contextlib.contextmanager
def network(folder: pathlib.Path, *, namespaces: bool) -> Iterator[list[Host]]:
    """The hosts: first the network of this process, for the job manager, then the others.

    Args:
      folder: where each gets a folder for its temporary files.
      namespaces: whether this process is in a network of its own; if not, all hosts are 127.0.0.1.
    """
    names = ["job-manager", *(f"host-{i}" for i in range(1, HOSTS + 1))]
    folders = [folder / name for name in names]
    for one in folders:
        one.mkdir()
    if not namespaces:
        # No process namespace either: the system is asked to end each process with this one.
        alone = ("setpriv", "--pdeathsig", "KILL")
        yield [Host(n, "127.0.0.1", at, alone) for n, at in zip(names, folders, strict=True)]
        return
    _names_resolve(folder)
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
