/**
 * Deletes the files of entries that are gone: those that the server tells of, and now and then those that it does not.
 *
 * Run one on each machine that has files, next to encoder.ts. `settle` reads the stream of removals as a consumer group, so
 * several janitors share the work and none of it is lost when one dies. `sweepOrphans` walks the folder for what no record
 * tells of: FLUSHALL, eviction by core, an encoder that died before FILL.
 */
import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Redis } from "ioredis";

export interface Janitor {
  /** This janitor's alone: reading the stream blocks it. */
  redis: Redis;
  namespace: string;
  /** Nothing outside of it is ever deleted. */
  folder: string;
  /** Who this is among the janitors: a host and a process id, say. */
  name: string;
  /** What another janitor has had for so long without settling it is taken over. */
  takeOverMs: number;
}

type StreamRecord = [id: string, fields: string[]];
const GROUP = "janitors";

export async function enlist(janitor: Janitor): Promise<void> {
  await janitor.redis.xgroup("CREATE", streamOf(janitor), GROUP, "0", "MKSTREAM").catch((error: Error) => {
    if (!error.message.startsWith("BUSYGROUP")) throw error;
  });
}

/** Settles what is there, or waits for `blockMs` for something; call it for ever. The number of records that were settled. */
export async function settle(janitor: Janitor, blockMs: number): Promise<number> {
  const { redis, name, takeOverMs } = janitor;
  const stream = streamOf(janitor);
  const [, left] = (await redis.xautoclaim(stream, GROUP, name, takeOverMs, "0", "COUNT", 100)) as [string, StreamRecord[]];
  const patience = left.length > 0 ? 1 : blockMs;
  const read = await redis.xreadgroup("GROUP", GROUP, name, "COUNT", 100, "BLOCK", patience, "STREAMS", stream, ">");
  const fresh = ((read ?? []) as [string, StreamRecord[]][]).flatMap(([, records]) => records);
  for (const [id, fields] of [...left, ...fresh]) {
    const record = Object.fromEntries(pairs(fields)) as { operation: string; fingerprint: string; result: string };
    const path = fileOf(janitor, record.result);
    if (path && !(await isListed(janitor, record.operation, record.fingerprint, path))) await rm(path, { force: true });
    await redis.xack(stream, GROUP, id); // after the deletion: who dies in between leaves the record to another
  }
  return left.length + fresh.length;
}

/** Deletes files that no entry lists and that are older than any encode takes. Their number. */
export async function sweepOrphans(janitor: Janitor, operation: string, olderThanMs: number): Promise<number> {
  let deleted = 0;
  for (const name of await readdir(janitor.folder)) {
    const path = join(resolve(janitor.folder), name);
    const [fingerprint = ""] = name.split(".");
    if (!/^[0-9a-f]{64}$/.test(fingerprint)) continue; // not ours
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age < olderThanMs || (await isListed(janitor, operation, fingerprint, path))) continue;
    await rm(path, { force: true });
    deleted += 1;
  }
  return deleted;
}

/** Whether the living entry lists this very file. That a result was replaced does not say that its file was. */
async function isListed(janitor: Janitor, operation: string, fingerprint: string, path: string): Promise<boolean> {
  const entry = [janitor.namespace, operation, `fp:${fingerprint}`];
  const info = Object.fromEntries(pairs((await janitor.redis.call("CACHE.RESULT", "INFO", ...entry)) as string[]));
  if (info["state"] !== "fresh" && info["state"] !== "stale") return false;
  const result = (await janitor.redis.call("CACHE.RESULT", "GET", ...entry, "STALE")) as string | null;
  return result === null || fileOf(janitor, result) === path; // nothing of a living entry: the cache is switched off
}

/** The file that a result lists, if it lies directly in our folder. */
function fileOf({ folder }: Janitor, result: string): string | undefined {
  try {
    const { path } = JSON.parse(result) as { path: unknown };
    if (typeof path !== "string" || dirname(resolve(path)) !== resolve(folder)) return undefined;
    return join(resolve(folder), basename(path));
  } catch {
    return undefined;
  }
}

const streamOf = ({ namespace }: Janitor) => `result:${/\{[^}]+\}/.test(namespace) ? namespace : `{${namespace}}`}:removals`;

const pairs = (flat: string[]): [string, string][] => flat.flatMap((name, at) => (at % 2 ? [] : [[name, flat[at + 1] ?? ""] as [string, string]]));
