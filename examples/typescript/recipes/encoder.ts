/**
 * Renditions of a source: files that are encoded once, and that disappear by a budget instead of by a full disk.
 *
 * Use it where entries stand for files elsewhere. WEIGHT says how large the file is, the rule MAXWEIGHT how much all of them
 * may take, and REMOVALS tells the janitor (janitor.ts) which files are not needed any more. Set once, by operations:
 *
 *     CACHE.POLICY SET encoder:* * MAXWEIGHT 50gb EVICT lru REMOVALS 100000
 *     CACHE.POLICY SET encoder:* encode TTL 30d TAGS "source:{params/source} profile:{params/profile/name}"
 *     CACHE.POLICY SET encoder:* source:probe TTL 30d IGNORE /path
 *
 * One namespace for each machine (encoder:node1), since the files lie on its disk. Each encode writes a file under a name of
 * its own: a file that no entry lists will never be listed again, so deleting it is safe at any time and any number of times.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import type { Cached } from "./cached.ts";

export interface Rendition {
  path: string;
  bytes: number;
}

/** What an encode depends on: the bytes of the source, wherever they lie, and the profile. */
export interface RenditionParams {
  source: string;
  profile: { name: string; height: number; bitrate: number };
}

/** Writes the file at `path`, and stops when `signal` says so. */
export type Encode = (params: RenditionParams, path: string, signal: AbortSignal) => Promise<void>;

export interface Encoder {
  redis: Redis;
  /** For calls that wait for another encoder. */
  waiting: Redis;
  namespace: string;
  folder: string;
  leaseMs: number;
  /** What a file will take, or a little more. */
  expectedBytes(params: RenditionParams): number;
  encode: Encode;
}

type Fetched = [status: string, value: string | null, token: string | null, version: number];

/** What is known of a source: asked once for the same bytes, under whatever path they come. */
export async function describeSource<T>(cached: Cached, namespace: string, path: string, probe: (path: string) => Promise<T>) {
  const digest = createHash("sha256");
  for await (const part of createReadStream(path)) digest.update(part as Buffer);
  const source = digest.digest("hex");
  return { source, about: await cached(namespace, "source:probe", { sha256: source, path }, () => probe(path)) };
}

export async function rendition(encoder: Encoder, params: RenditionParams): Promise<Rendition> {
  const { waiting, namespace, leaseMs } = encoder;
  let reject: (string | number)[] = [];
  for (;;) {
    const [status, value, token, version] = (await waiting.call("CACHE.RESULT", "FETCH", namespace, "encode",
      JSON.stringify(params), "LEASE", leaseMs, "BLOCK", 30_000, ...reject)) as Fetched;
    if (status === "FAILED") throw new Error(`${params.source} in ${params.profile.name}: ${value}`);
    if (status === "HIT" && value !== null) {
      const found = JSON.parse(value) as Rendition;
      if (await isWhole(found)) return found;
      reject = ["REJECT", version]; // the file is gone or cut short: to us this very version is absent
      continue;
    }
    if (token === null) continue; // BUSY
    const made = await encodeUnder(token, encoder, params);
    if (made) return made;
  }
}

async function encodeUnder(token: string, encoder: Encoder, params: RenditionParams): Promise<Rendition | undefined> {
  const { redis, namespace, folder, leaseMs } = encoder;
  const key = (await redis.call("CACHE.RESULT", "KEY", namespace, "encode", JSON.stringify(params))) as string;
  const path = join(folder, `${key.slice(key.lastIndexOf(":") + 1)}.${randomUUID()}.mp4`);
  const lost = new AbortController();
  const renew = async (...more: (string | number)[]) => {
    if ((await redis.call("CACHE.RESULT", "RENEW", namespace, token, ...more)) === "FENCED") lost.abort();
  };
  const heartbeat = setInterval(() => void renew().catch(() => {}), leaseMs / 3);
  try {
    // Room first: what has to go for this file goes before it is written.
    await renew("WEIGHT", encoder.expectedBytes(params));
    await mkdir(folder, { recursive: true });
    await encoder.encode(params, path, lost.signal);
    const made = { path, bytes: (await stat(path)).size };
    const reply = await redis.call("CACHE.RESULT", "FILL", namespace, token, JSON.stringify(made), "WEIGHT", made.bytes);
    if (reply === "OK") return made;
    await rm(path, { force: true });
    return undefined; // the source or the profile was invalidated meanwhile
  } catch (error) {
    await rm(path, { force: true });
    if (lost.signal.aborted) return undefined;
    await redis.call("CACHE.RESULT", "FAIL", namespace, token, (error as Error).message);
    throw error;
  } finally {
    clearInterval(heartbeat);
  }
}

async function isWhole({ path, bytes }: Rendition): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.size === bytes;
}
