"""Users for the three kinds of programs: applications, those who look after the cache, and janitors that delete files.

Use it where more than one team reaches the server. Patterns of keys are about namespaces, the one key that every command names;
nobody needs a right to the entries (`result:*`), and whoever has none cannot read or damage them past the module. Commands
are named one by one, which works on Redis 7.0 too, where modules have no categories.
"""

import redis

# What a program that uses the cache does. It cannot empty a namespace, change rules, or see those of others.
APPLICATION = """
+ping +cache.result|get +cache.result|fetch +cache.result|fill +cache.result|renew +cache.result|release +cache.result|fail
+cache.result|set +cache.result|merge +cache.result|next +cache.result|invalidate +cache.result|exists +cache.result|key
+cache.plan +cache.warm +cache.clock +cache.invalidate|tag +cache.invalidate|plan
""".split()

# What people do at night: look at everything, take back anything, switch off one thing. Nothing here stores a result.
# CONFIG SET would allow far more than the cache; BYPASS by a rule does what `cache.enabled no` does.
OPERATIONS = """
+ping +info +client|list +client|unblock +module|list +slowlog|get +memory|usage +config|get
+cache.stats +cache.resetstats +cache.policy|set +cache.policy|get +cache.policy|del +cache.policy|list +cache.policy|explain
+cache.result|get +cache.result|exists +cache.result|info +cache.result|key +cache.result|invalidate
+cache.invalidate|tag +cache.invalidate|operation +cache.invalidate|plan +cache.invalidate|namespace
""".split()

# What goes through the stream of removals, and asks whether a file is still listed.
JANITOR = "+ping +xgroup|create +xreadgroup +xack +xautoclaim +cache.result|next".split()


def set_application(client: redis.Redis, name: str, password: str, namespaces: str) -> None:
    """`namespaces` is a pattern, such as `shop` or `project:*`. CACHE.APPLY and the keys of entries are out of reach."""
    _set(client, name, password, f"~{namespaces}", *APPLICATION)


def set_operations(client: redis.Redis, name: str, password: str) -> None:
    _set(client, name, password, "~*", *OPERATIONS)


def set_janitor(client: redis.Redis, name: str, password: str, namespace: str) -> None:
    """Reads one namespace, and its stream. It belongs to one folder of files, as the namespace does."""
    _set(client, name, password, f"%R~{namespace}", f"~result:{{{namespace}}}:removals", *JANITOR)


def _set(client: redis.Redis, name: str, password: str, *rules: str) -> None:
    # `reset` first: what a user was allowed before is not added to. `resetchannels`: none of them publishes.
    client.execute_command("ACL SETUSER", name, "reset", "resetchannels", "on", f">{password}", *rules)
