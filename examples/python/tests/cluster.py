"""A cluster of three primaries of the tests' own."""

import subprocess
from contextlib import ExitStack
from functools import partial
from types import TracebackType

import redis

from .server import Server, eventually


def is_ready(client: redis.Redis) -> bool:
    return bool(client.cluster("INFO")["cluster_state"] == "ok")


class Cluster:
    def __init__(self) -> None:
        with ExitStack() as stack:
            self.nodes = [stack.enter_context(Server(cluster=True)) for _ in range(3)]
            addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
            create = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
            subprocess.run(create, check=True, stdout=subprocess.DEVNULL, timeout=30)
            for node in self.nodes:
                with node.client() as client:
                    eventually(partial(is_ready, client), what="a cluster")
            self._stack = stack.pop_all()

    @property
    def url(self) -> str:
        return self.nodes[0].url

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()
