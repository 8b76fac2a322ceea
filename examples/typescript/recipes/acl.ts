/**
 * Users for the application, for operations and for the janitor: each may do its work, and nothing else.
 *
 * Use it before anything but your own machine can reach the server. Subcommands are named one by one, which is understood from
 * Redis 7.0 on (categories know the commands of modules from 7.2 on only). The key pattern is that of the namespaces; the
 * entries' own keys are nobody's business: without a right to `result:...` no GET, DEL or RESTORE gets at them.
 * What nobody here gets: CACHE.APPLY (for the primary's link), RESTORE, FLUSHALL, DEBUG.
 */
import type { Redis } from "ioredis";

const result = (...subcommands: string[]) => subcommands.map((name) => `+cache.result|${name}`);

/**
 * What any client does at the beginning, and what a program needs to end a wait of its own (CLIENT UNBLOCK). From 7.2 on
 * "+client|setinfo" may join it, so that clients can say what they are; they do without. ioredis asks INFO before it
 * is ready; say enableReadyCheck: false, and a server that is loading answers LOADING.
 */
const CONNECTION = ["+ping", "+hello", "+auth", "+client|setname", "+client|id", "+client|unblock"];

/** `namespaces` is a glob, as `shop:*`. Each list is the rules of ACL SETUSER. */
export function users(namespaces: string): Record<"application" | "operations" | "janitor", string[]> {
  return {
    // Looks up, computes, stores, and invalidates what it has changed.
    application: [
      `~${namespaces}`,
      ...CONNECTION,
      ...result("get", "fetch", "fill", "renew", "release", "fail", "set", "merge", "next", "exists", "key", "invalidate"),
      "+cache.plan", "+cache.warm", "+cache.clock", "+cache.invalidate|tag", "+cache.invalidate|plan",
    ],
    // Sets the rules, reads the figures, takes results back, switches it off. Reads no result, and writes none.
    operations: [
      "~*",
      ...CONNECTION,
      ...result("info", "key", "invalidate"),
      "+cache.policy", "+cache.stats", "+cache.resetstats", "+cache.invalidate",
      "+info", "+config|get", "+config|set", "+slowlog|get", "+latency|latest", "+client|list", "+module|list",
    ],
    // Reads the removals, and asks whether an entry still lists a file. The second pair of rights holds for reading only.
    janitor: [
      `~result:{${namespaces}}:removals`,
      ...CONNECTION,
      "+xreadgroup", "+xautoclaim", "+xack", "+xgroup|create", "+xpending",
      `(%R~${namespaces} ${result("info", "get").join(" ")})`,
    ],
  };
}

/** Makes the users, or makes them anew. The passwords come from where you keep secrets. */
export async function setUsers(administrator: Redis, namespaces: string, passwords: Record<keyof ReturnType<typeof users>, string>): Promise<void> {
  for (const [name, rights] of Object.entries(users(namespaces))) {
    const password = passwords[name as keyof typeof passwords];
    await administrator.acl("SETUSER", name, "reset", "on", `>${password}`, ...rights);
  }
}
