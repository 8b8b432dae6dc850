"""Bucket: a build whose data_dir is a URL. One at a time, and nothing loads before it is whole.

What `workspace` has of a file system, a bucket has not:

* No folder can be renamed there at once. So shards are put under a name of their own plan, as they
  are written and by whoever writes them, Beam's workers included; when all are there and the ledger
  has admitted them, they are copied within the store to where they belong, the small files are put
  beside them, and `dataset_info.json`, without which nothing loads a version, is put last.
* No lock goes away with the process that holds it. So a lock here is an object that its holder puts
  anew every few seconds. One that stays as it is belongs to nobody any more. It is an agreement
  between builds, not a wall: one that was asleep for a minute finds out before it copies, and once
  more before the last file; should it fall asleep just between, files of two builds of one version
  could mix, which is harmless where both are what the ledger says, and `verify` tells where not.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pathlib
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from seg_datasets.core import mirror, storage
from seg_datasets.core.workspace import BusyError

_FOLDER = ".building"

# Seconds from one sign of life of a build to its next, and those without one after which it is
# taken for dead: an outage of the network must be shorter.
_BEAT, _DEAD = 10.0, 60.0


class Lease:
    """The right to build one version, as long as it is renewed."""

    def __init__(self, url: str, version: str):
        self._url, self._version = url, version
        self._me = {"build": uuid.uuid4().hex, "host": socket.gethostname(), "pid": os.getpid()}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def take(self) -> None:
        """Takes the lease, if need be after a build that is dead.

        Raises:
          BusyError: another build of the version is alive.
        """
        while True:
            try:
                storage.write(self._url, self._life(), new=True)
            except FileExistsError:
                self._wait_for_death()
                storage.remove(self._url)
            else:
                break
        self._refuse_to_share()
        self._thread.start()

    def hold(self) -> None:
        """Refuses to go on where the lease is another's.

        Raises:
          BusyError: another build has taken this one for dead.
        """
        try:
            now = storage.read(self._url)
        except FileNotFoundError:
            now = b""
        if _who(now)["build"] != self._me["build"]:
            raise BusyError(
                f"another build of {self._version} has taken over while this one did not answer; "
                "nothing of this one is in place"
            )

    def release(self) -> None:
        """Gives the lease back, unless another build has it."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self.hold()
            storage.remove(self._url)
        except BusyError:
            pass
        except OSError as error:  # what the build failed of is told, not this
            logging.getLogger(__name__).warning("%s", error)

    def _life(self) -> bytes:
        return json.dumps({**self._me, "beat": uuid.uuid4().hex}).encode()

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            try:
                self.hold()
                storage.write(self._url, self._life())
            except BusyError:
                return  # told at the end, where it counts
            except OSError as error:
                logging.getLogger(__name__).warning("%s", error)

    def _wait_for_death(self) -> None:
        try:
            before = storage.read(self._url)
        except FileNotFoundError:
            return
        who = _who(before)
        logging.getLogger(__name__).warning(
            "%s is being built by process %s on %s, or was when that died: watching for %g s",
            self._version,
            who["pid"],
            who["host"],
            _DEAD,
        )
        until = time.monotonic() + _DEAD
        while time.monotonic() < until:
            time.sleep(_BEAT / 2)
            with contextlib.suppress(FileNotFoundError):
                if storage.read(self._url) == before:
                    continue
                raise BusyError(
                    f"process {who['pid']} on {who['host']} is building {self._version}; wait for "
                    "it, or use another --data_dir"
                )
            return

    def _refuse_to_share(self) -> None:
        """Says so where the store puts what is there already: there, nothing keeps builds apart."""
        try:
            storage.write(self._url, self._life(), new=True)
        except FileExistsError:
            return
        logging.getLogger(__name__).warning(
            "this store does not know If-None-Match: see yourself that %s is built once at a time",
            self._version,
        )


def _who(life: bytes) -> dict[str, Any]:
    """Whose lease it is; nobody's, where it is none."""
    told: dict[str, Any] = {"build": "", "host": "?", "pid": "?"}
    with contextlib.suppress(ValueError):
        found = json.loads(life)
        told |= found if isinstance(found, dict) else {}
    return told


@contextlib.contextmanager
def building(version: str, data_dir: str) -> Iterator[tuple[str, Lease]]:
    """The URL for unfinished shards of one version, and the right to build it.

    What is below is removed when the build ends well, with what killed builds have left; it stays
    when the build fails, so that the next one goes on, on whatever machine.

    Args:
      version: URL of the version.
      data_dir: URL of the root of all datasets.

    Raises:
      BusyError: another build of the version is running.
    """
    folder = _folder(version, data_dir)
    lease = Lease(f"{folder}.lock", version)
    lease.take()
    try:
        yield folder, lease
        storage.each(storage.remove, [f"{folder}/{name}" for name in storage.listing(folder)])
    finally:
        lease.release()


def sweep(version: str, data_dir: str) -> None:
    """Removes what a build left that was killed after its version was in place."""
    folder = _folder(version, data_dir)
    if storage.listing(folder):
        with contextlib.suppress(BusyError), building(version, data_dir):
            pass


def publish(
    version: str, files: pathlib.Path, shards: Mapping[str, tuple[str, int]], *, lease: Lease
) -> None:
    """Puts a version in place whose shards are in the bucket already.

    Args:
      version: its URL.
      files: the folder here with all else that belongs to it.
      shards: name → URL and size.
      lease: the right to.

    Raises:
      BusyError: it is no longer ours.
      StorageError: what was put is not there; nothing loads.
    """
    lease.hold()
    storage.remove(f"{version}/{mirror.INFO}")  # from here on nothing loads
    storage.each(lambda one: storage.copy(one[1][0], f"{version}/{one[0]}"), shards.items())
    small = [path for path in files.iterdir() if path.is_file() and not path.name.startswith(".")]
    info = files / mirror.INFO
    storage.each(
        lambda path: storage.upload(path, f"{version}/{path.name}"),
        [path for path in small if path != info],
    )
    expected = {name: size for name, (_, size) in shards.items()}
    expected |= {path.name: path.stat().st_size for path in small if path != info}
    there = storage.listing(version)
    for name, size in expected.items():
        if name not in there or there[name].size != size:
            raise storage.StorageError(f"{version}/{name} is not there as it was put; build again")
    # Of a build with other shards that was killed on its way here.
    left = [name for name in there if mirror.is_records(name) and name not in expected]
    storage.each(lambda name: storage.remove(f"{version}/{name}"), left)
    lease.hold()
    storage.write(f"{version}/{mirror.INFO}", info.read_bytes(), new=True)


def _folder(version: str, data_dir: str) -> str:
    below = version.removeprefix(f"{data_dir}/")
    return f"{data_dir}/{_FOLDER}/{below.replace('/', '-')}"
