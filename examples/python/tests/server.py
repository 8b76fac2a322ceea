"""Redis servers of the tests' own: on free ports, in temporary folders, stopped by their process id."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

MODULE = os.environ.get("RESULT_CACHE_MODULE", "../../target/release/libredis_result_cache.so")

T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, within: float = 10.0, what: str = "what was waited for") -> T:
    """Looks until there is something true, and returns it."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {within} s; last seen: {seen!r}")
        time.sleep(0.005)


class Server:
    """One redis-server. `port` stays the same over `stop` and `start`."""

    def __init__(self, *options: str, module: bool = True, cluster: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="recipes-")
        self._cluster = cluster
        self.port = free_port(also_bus=cluster)
        self._command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder.name]
        self._command += ["--save", "", "--logfile", "log", "--repl-diskless-sync-delay", "0"]
        if cluster:
            self._command += ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]
        if module:
            self._command += ["--loadmodule", str(Path(MODULE).resolve())]
        self._command += options
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True)

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        try:
            eventually(self._answers, what=f"an answer of `{' '.join(self._command)}`")
        except AssertionError:
            log = Path(self._folder.name, "log")
            print(log.read_text()[-2000:] if log.exists() else "(no log)")
            self.stop()
            raise

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, "redis-server ended at once"
        try:
            with redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0), socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """As a crash: nothing is said to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._folder.cleanup()


def free_port(*, also_bus: bool = False) -> int:
    """A port below the ephemeral range, so that no client's connection takes it meanwhile."""
    for _ in range(1000):
        port = 12000 + int.from_bytes(os.urandom(2)) % 9000
        if _is_free(port) and (not also_bus or _is_free(port + 10000)):
            return port
    raise AssertionError("no free port")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
