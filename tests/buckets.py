"""Buckets for tests: an S3 server in this process, which fails as it is told to."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pathlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

# What a request meets: an answer with this status, a connection that is reset at once, or one that
# is reset in the middle of the answer, when what was asked for has been done.
Fault = int | str | None
RESET, CUT = "reset", "cut"

_CODES = {403: "AccessDenied", 500: "InternalError", 501: "NotImplemented", 503: "SlowDown"}


@dataclasses.dataclass
class Server:
    """The server, what it was asked for, and what fails.

    Attributes:
      endpoint: its URL.
      asked: method and path of each request, in their order.
      fault: called with both; what it returns happens instead of an answer.
    """

    endpoint: str = ""
    asked: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    fault: Callable[[str, str], Fault] = lambda method, path: None

    @contextlib.contextmanager
    def failing(
        self, method: str, name: str, *faults: Fault | None
    ) -> Iterator[list[Fault | None]]:
        """The next requests for what has `name` in its path meet these faults, one each; None is
        none.

        Yields:
          The faults that nothing has met yet.
        """
        left, lock = [*faults], threading.Lock()

        def next_one(asked: str, path: str) -> Fault:
            with lock:
                return left.pop(0) if left and asked == method and name in path else None

        before, self.fault = self.fault, next_one
        try:
            yield left
        finally:
            self.fault = before

    @contextlib.contextmanager
    def dying(self, method: str, name: str) -> Iterator[None]:
        """From the first such request on nothing is answered any more, as after `kill -9`."""
        dead = threading.Event()

        def refused(asked: str, path: str) -> Fault:
            if asked == method and name in path:
                dead.set()
            return 403 if dead.is_set() else None

        before, self.fault = self.fault, refused
        try:
            yield
        finally:
            self.fault = before
        assert dead.is_set()

    def put(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        """Puts objects by key, past HTTP."""
        for key, data in objects.items():
            _backend().put_object(bucket, key, data)

    def get(self, bucket: str, key: str) -> bytes:
        """The bytes of an object, past HTTP."""
        return bytes(_backend().get_object(bucket, key).value)

    def keys(self, bucket: str) -> list[str]:
        """All that is in a bucket, past HTTP."""
        return sorted(_backend().get_bucket(bucket).keys)

    def upload(self, folder: pathlib.Path, url: str) -> None:
        """Puts all files of a folder below a URL, past HTTP."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        self.put(
            bucket,
            {f"{prefix}/{f.relative_to(folder).as_posix()}": f.read_bytes() for f in files},
        )

    def __call__(self, app: Any) -> Any:
        """The WSGI app with faults."""

        def faulty(environ: dict[str, Any], start_response: Any) -> Any:
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
            self.asked.append((method, path))
            fault = self.fault(method, path)
            if fault is None:
                return app(environ, start_response)
            connection = environ["werkzeug.socket"]
            if fault == RESET:
                _reset(connection)
                return []
            if fault == CUT:
                return _cut(app(environ, start_response), connection)
            code = _CODES.get(int(fault), "Unknown")
            answer = f"<Error><Code>{code}</Code><Message>told to</Message></Error>".encode()
            told = [("Content-Type", "application/xml"), ("Content-Length", str(len(answer)))]
            start_response(f"{fault} {code}", told)
            return [] if method == "HEAD" else [answer]

        return faulty


@contextlib.contextmanager
def served() -> Iterator[Server]:
    """Serves until it is left."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # it tells of requests and faults
    server = Server()
    app = server(DomainDispatcherApplication(create_backend_app))
    http = make_server("127.0.0.1", 0, app, threaded=True)
    server.endpoint = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()


@contextlib.contextmanager
def made(server: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty bucket, and the environment of somebody who uses it."""
    for key, value in {
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(key, value)
    forget_clients()
    _backend().create_bucket(name, "us-east-1")
    yield
    _backend().reset()
    forget_clients()


def forget_clients() -> None:
    """Those made from here on look at the environment again."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()


def _backend() -> Any:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


def _reset(connection: socket.socket) -> None:
    # The server holds the socket open as a file too: only without it is it closed at once.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def _cut(answer: Any, connection: socket.socket) -> Iterator[bytes]:
    """What was asked for is done, but no more than half of the answer arrives."""
    data = b"".join(answer)
    if half := data[: len(data) // 2]:
        yield half
    _reset(connection)
    yield b""
