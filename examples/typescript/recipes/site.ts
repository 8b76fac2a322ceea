/**
 * Lists, statistics and presigned URLs of a video site: what is read often, may be a little old, and hangs together.
 *
 * Use it for read models. How long each stays is a table of rules in the server, set at deployment (`RULES`), so that no
 * program has TTLs in its code. What changes together is invalidated together, by tags. And a URL is never handed out when its
 * signature is over or about to be: the entry ends by the instant that stands in the result.
 */
import type { Redis } from "ioredis";
import type { Cached } from "./cached.ts";

/** [operation, field, value, ...], for the namespaces `site:*`. Setting them again changes nothing. */
export const RULES: string[][] = [
  ["video:list", "TTL", "60s", "GRACE", "5m", "TAGS", "user:{params/user} list:{params/user}"],
  ["video:stats", "TTL", "30s", "GRACE", "2m", "TAGS", "video:{params/id}"],
  ["video:url", "TTL", "1h", "EXPIRESFROM", "/expires 60s", "TAGS", "video:{params/id}"],
];

/** Run at deployment by who may (`@admin`); in a cluster on every primary. */
export async function setRules(administrator: Redis, rules: string[][] = RULES): Promise<void> {
  for (const [operation = "", ...fields] of rules) await administrator.call("CACHE.POLICY", "SET", "site:*", operation, ...fields);
}

export interface Video {
  id: number;
  title: string;
}

export interface SignedUrl {
  url: string;
  /** Unix seconds. EXPIRESFROM refuses milliseconds rather than to believe in the year 56,000. */
  expires: number;
}

export interface Database {
  listVideos(user: string, page: number): Promise<Video[]>;
  stats(id: number): Promise<{ views: number }>;
  rename(id: number, title: string): Promise<{ user: string }>;
}

export class Site {
  readonly #cached: Cached;
  readonly #redis: Redis;
  readonly #namespace: string;
  readonly #database: Database;
  readonly #sign: (id: number) => Promise<SignedUrl>;

  constructor(cached: Cached, redis: Redis, namespace: string, database: Database, sign: (id: number) => Promise<SignedUrl>) {
    this.#cached = cached;
    this.#redis = redis;
    this.#namespace = namespace;
    this.#database = database;
    this.#sign = sign;
  }

  videos(user: string, page: number): Promise<Video[]> {
    return this.#cached(this.#namespace, "video:list", { user, page }, () => this.#database.listVideos(user, page));
  }

  stats(id: number): Promise<{ views: number }> {
    return this.#cached(this.#namespace, "video:stats", { id }, () => this.#database.stats(id));
  }

  /** Good for at least as long as the margin of the rule. */
  url(id: number): Promise<SignedUrl> {
    return this.#cached(this.#namespace, "video:url", { id }, () => this.#sign(id));
  }

  /** First the database, then the cache: what was computed from the old title is then not stored any more. */
  async rename(id: number, title: string): Promise<void> {
    const { user } = await this.#database.rename(id, title);
    await this.#redis.call("CACHE.INVALIDATE", "TAG", this.#namespace, `video:${id}`, `list:${user}`);
  }

  /** Everything that shows anything of a user's. */
  async forget(user: string): Promise<void> {
    await this.#redis.call("CACHE.INVALIDATE", "TAG", this.#namespace, `user:${user}`);
  }
}
