/**
 * cached(): the result of an expensive function, computed once for all who ask.
 *
 * Use it wherever a function of its params takes longer than a round trip to Redis. Of all processes that ask at the
 * same moment one computes and the others wait for its result; a worker that dies is replaced; a stale value is served
 * while one process refreshes it in the background. Whatever is wrong with the cache, the caller gets its answer: then
 * the function is simply called. How long results stay is said by rules in the server (CACHE.POLICY).
 */
import { randomUUID } from "node:crypto";
import { type CacheClient, Refused, Unanswered } from "./clients.ts";

/** What the computing function is given: `progress` is shown to whoever follows or waits, with the next heartbeat. */
export interface Job {
  progress(json: unknown): void;
}

export type Cached = <T>(ns: string, operation: string, params: unknown, compute: (job: Job) => Promise<T>) => Promise<T>;

export interface CachedOptions {
  /** How soon a worker that died is replaced. It is renewed three times in that span while the function runs. */
  leaseMs: number;
  /** How long to wait for another's result. After that the function is called here too, and its result is not stored. */
  waitMs: number;
  /** How often a command without an answer is sent again. */
  retries: number;
  /** Told what the callers do not notice, for a log or a counter. */
  onTrouble(error: unknown): void;
  /** Spells params as JSON; spelling makes no difference to the server. For bigint take `canonical`. */
  spell(params: unknown): string;
}

/** The function failed, here or in another process, and the failure is remembered. */
export class ComputationFailed extends Error {
  override name = "ComputationFailed";
}

type Fetched = [status: "HIT" | "STALE" | "LEASE" | "BUSY" | "FAILED", value: string | null, token: string | null, version: number];
/** `fenced`: what it was computed from has changed meanwhile. Good enough for who asked before that, and for nobody else. */
type Answer = { text: string; fenced: boolean };

/** How those failures begin that are the cache's and not the function's: the server has no memory, or refuses the result. */
const NOT_STORED = ["OOM ", "NOT STORED "];

export function cacheOver(client: CacheClient, options: Partial<CachedOptions> = {}): Cached {
  const { leaseMs, waitMs, retries, onTrouble, spell }: CachedOptions =
    { leaseMs: 15_000, waitMs: 60_000, retries: 1, onTrouble: () => {}, spell: JSON.stringify, ...options };
  const asked = new Map<string, Promise<Answer>>();

  return async (ns, operation, params, compute) => {
    const question = ["CACHE.RESULT", "FETCH", ns, operation, spell(params)];
    const key = question.join("\n");
    // Who asks in the same process shares one call, also where there is no cache at all.
    for (let shared = asked.get(key); shared; shared = asked.get(key)) {
      const { text, fenced } = await shared;
      if (!fenced) return JSON.parse(text);
    }
    const answer = ask(ns, question, compute).finally(() => asked.delete(key));
    asked.set(key, answer);
    return JSON.parse((await answer).text);
  };

  async function ask(ns: string, question: string[], compute: (job: Job) => Promise<unknown>): Promise<Answer> {
    // The server knows the holder of a lease by this id: a FETCH sent again is given the same token again.
    const fetch = [...question, "LEASE", `${leaseMs}`, "HOLDER", randomUUID()];
    let fetched = await attempt(() => client.send(ns, fetch));
    if (fetched?.[0] === "BUSY") fetched = await attempt(() => client.wait(ns, [...fetch, "BLOCK", `${waitMs}`], waitMs));
    const [status, value, token] = (fetched ?? []) as Fetched | [];
    if (value != null && (status === "HIT" || status === "STALE")) {
      if (token != null) void lead(ns, token, compute).catch(onTrouble); // whoever gets a token with a value refreshes it
      return { text: value, fenced: false };
    }
    if (status === "LEASE" && token != null) return lead(ns, token, compute);
    // A full memory is the cache's trouble, any other failure is the function's.
    if (status === "FAILED" && !NOT_STORED.some((word) => value?.startsWith(word))) throw new ComputationFailed(value ?? "");
    return { text: toJson(await compute({ progress() {} })), fenced: false };
  }

  /** Computes under a lease. Its loss costs only the storing: the caller gets its result in any case. */
  async function lead(ns: string, token: string, compute: (job: Job) => Promise<unknown>): Promise<Answer> {
    let progress: string[] = [];
    const renew = () => attempt(() => client.send(ns, ["CACHE.RESULT", "RENEW", ns, token, ...progress]), 0);
    const heartbeat = setInterval(() => void renew(), leaseMs / 3);
    try {
      const text = toJson(await compute({ progress: (json) => void (progress = ["PROGRESS", toJson(json)]) }));
      clearInterval(heartbeat);
      const fill = () => client.send(ns, ["CACHE.RESULT", "FILL", ns, token, text]);
      const reply = await attempt(() => fill().catch((error: unknown) => giveUp(ns, token, error)));
      return { text, fenced: reply === "FENCED" };
    } catch (error) {
      await attempt(() => client.send(ns, ["CACHE.RESULT", "FAIL", ns, token, String(error)]));
      throw error;
    } finally {
      clearInterval(heartbeat);
    }
  }

  /** A result that the server does not take (too big, say) ends its lease: those who wait compute for themselves. */
  async function giveUp(ns: string, token: string, error: unknown): Promise<never> {
    const message = `NOT STORED ${String(error)}`;
    if (error instanceof Refused) await client.send(ns, ["CACHE.RESULT", "FAIL", ns, token, message]);
    throw error;
  }

  /** Sends a command, again where there was no answer. `undefined`: the cache is of no help now. */
  async function attempt(command: () => Promise<unknown>, left = retries): Promise<any> {
    try {
      return await command();
    } catch (error) {
      if (error instanceof Unanswered && left > 0) return attempt(command, left - 1);
      if (!(error instanceof Unanswered || error instanceof Refused)) throw error;
      onTrouble(error);
      return undefined;
    }
  }
}

function toJson(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a result must be JSON, and ${typeof value} is not`);
  return text;
}
