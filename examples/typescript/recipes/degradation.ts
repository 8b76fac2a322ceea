/**
 * A cache that is in trouble must cost its users nothing but the cache.
 *
 * cached() already answers without it. What remains is time: a server that hangs costs each call its deadline. Put this
 * between the client and cached(), and it costs one call in each `pauseMs` that: after an unanswered command the others
 * are refused here at once, until one that is let through is answered again. A server without the module (a new node,
 * a wrong configuration) is left alone in the same way.
 *
 *     const cached = cacheOver(breaking(overIoredis(redis)));
 *
 * What needs no breaker, since the server answers at once: a full memory (hits are served, FILL is refused and the result
 * is simply not kept), a replica (hits are served, anything else is READONLY), `cache.enabled no` (everyone computes).
 */
import { type CacheClient, Refused, Unanswered } from "./clients.ts";

export interface BreakerOptions {
  /** How long nothing is sent after a command that was not answered. */
  pauseMs: number;
  /** Told when the cache is left alone (with the reason), and when it is back (with nothing). For a log and an alert. */
  onChange(reason?: Error): void;
}

export function breaking(client: CacheClient, options: Partial<BreakerOptions> = {}): CacheClient {
  const { pauseMs, onChange }: BreakerOptions = { pauseMs: 1_000, onChange: () => {}, ...options };
  let reason: Error | undefined;
  let until = 0;

  async function guarded(send: () => Promise<unknown>): Promise<unknown> {
    if (reason) {
      if (performance.now() < until) throw new Unanswered(`the cache is left alone: ${reason.message}`);
      until = performance.now() + pauseMs; // this call tries, the others go on without
    }
    try {
      const reply = await send();
      back();
      return reply;
    } catch (error) {
      if (isOfNoUse(error)) leave(error);
      else back();
      throw error;
    }
  }

  function leave(error: Error): void {
    until = performance.now() + pauseMs;
    if (!reason) onChange(error);
    reason = error;
  }

  function back(): void {
    if (reason) onChange();
    reason = undefined;
  }

  return {
    send: (namespace, command) => guarded(() => client.send(namespace, command)),
    // Those who wait for another's result may do so for long: how that ends says nothing about the server.
    wait: (namespace, command, blockMs) =>
      reason ? Promise.reject(new Unanswered(reason.message)) : client.wait(namespace, command, blockMs),
    close: () => client.close(),
  };
}

/** No answer, still loading its data, or a server that does not know the commands at all. */
function isOfNoUse(error: unknown): error is Error {
  if (error instanceof Unanswered) return true;
  return error instanceof Refused && (error.code === "LOADING" || error.message.startsWith("ERR unknown command"));
}
