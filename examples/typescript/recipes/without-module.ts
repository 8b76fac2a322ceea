/**
 * cached() for a Redis that has no modules, over plain GET and SET.
 *
 * Use it on a managed Redis, in tests, or while you move towards the module: it has the interface of cached(), so callers
 * do not change, and the keys are the module's own (RESULT KEY tells the same), so a tool that knows one finds the other.
 * What is lost: one computation for all processes (here it is one in each), fencing (a result may be computed from what
 * changed meanwhile: keep the TTL short), stale values, tags, rules in the server, and statistics.
 */
import type { Cached } from "./cached.ts";
import { entryKey } from "./canonical.ts";
import type { CacheClient } from "./clients.ts";

export interface PlainOptions {
  /** How long results stay, by operation: here no server has rules for it. */
  ttlMs(operation: string): number;
  /** Told what the callers do not notice, for a log or a counter. */
  onTrouble(error: unknown): void;
}

export function plainCacheOver(client: CacheClient, options: Partial<PlainOptions> = {}): Cached {
  const { ttlMs, onTrouble }: PlainOptions = { ttlMs: () => 3_600_000, onTrouble: () => {}, ...options };
  const asked = new Map<string, Promise<string>>();

  return async (namespace, operation, params, compute) => {
    const key = entryKey(namespace, operation, params);
    let answer = asked.get(key);
    if (!answer) {
      answer = find(key, ttlMs(operation), async () => toJson(await compute({ progress() {} })));
      asked.set(key, answer);
      answer.finally(() => asked.delete(key)).catch(() => {});
    }
    return JSON.parse(await answer);
  };

  async function find(key: string, ttl: number, compute: () => Promise<string>): Promise<string> {
    const found = await client.send(key, ["GET", key]).catch(onTrouble);
    if (typeof found === "string") return found;
    const text = await compute();
    await client.send(key, ["SET", key, text, "PX", `${ttl}`]).catch(onTrouble);
    return text;
  }
}

function toJson(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a result must be JSON, and ${typeof value} is not`);
  return text;
}
