import signal
import sys
from collections.abc import Iterator

import pytest
import redis

from .server import Server

# A run that is cancelled stops its servers too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


@pytest.fixture(scope="session")
def shared() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """A server without anything in it, shared by the tests that neither stop nor configure it."""
    with shared.client() as client:
        for rule in client.execute_command("CACHE.POLICY", "LIST"):
            client.execute_command("CACHE.POLICY", "DEL", rule[0], rule[1])
        client.flushall()
        client.execute_command("CACHE.RESETSTATS")
    return shared


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    with server.client() as client:
        yield client
