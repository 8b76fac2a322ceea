"""The client's side of `make bench ARGS="--only clients"`: lookups with redis-py, in two ways.

It hashes params by itself and sends a plain GET, or it sends the params with CACHE.RESULT GET. `python -m benchmark.lookups PORT`;
orders come by standard input, a line of JSON each, and each is answered by a line of numbers when it is carried out.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import redis

from recipes.plain import entry_key

Command = tuple[str, ...]


class Lookups:
    def __init__(self, port: int) -> None:
        self._redis = redis.Redis(port=port, decode_responses=True)
        self._task: dict[str, Any] = {}
        # Params as a program has them, as an object and not as its text, and the result.
        self._jobs: list[tuple[Any, str]] = []

    def take(self, task: dict[str, Any]) -> None:
        """This is asked for from now on."""
        self._task = task
        self._jobs = [(json.loads(params), result) for params, result in task["jobs"]]

    def _hash(self, params: Any) -> Command:
        return "GET", entry_key(self._task["hashed"], self._task["operation"], params)

    def _cache(self, params: Any) -> Command:
        return "CACHE.RESULT", "GET", self._task["namespace"], self._task["operation"], json.dumps(params)

    def measure(self, way: str, pipeline: int, ms: int) -> tuple[int, int, int]:
        """How many lookups there were, and the microseconds that passed on the clock and on this process's processor."""
        command: Callable[[Any], Command] = self._hash if way == "hash" else self._cache
        cpu = time.process_time()
        started = time.perf_counter()
        lookups = 0
        while (time.perf_counter() - started) * 1000 < ms:
            asked = [self._jobs[(lookups + at) % len(self._jobs)] for at in range(pipeline)]
            commands = [command(params) for params, _ in asked]
            found = self._together(commands) if pipeline > 1 else [self._redis.execute_command(*commands[0])]
            if found != [result for _, result in asked]:
                raise ValueError(f"{way} found {found[0]!r}... instead of {asked[0][1]!r}...")
            lookups += pipeline
        wall_us = round((time.perf_counter() - started) * 1e6)
        return lookups, wall_us, round((time.process_time() - cpu) * 1e6)

    def _together(self, commands: list[Command]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return pipeline.execute()


def main() -> None:
    lookups = Lookups(int(sys.argv[1]))
    for line in sys.stdin:
        order = json.loads(line)
        if "jobs" in order:
            lookups.take(order)
            print(len(order["jobs"]), flush=True)
        else:
            print(*lookups.measure(order["way"], order["pipeline"], order["ms"]), flush=True)


if __name__ == "__main__":
    main()
