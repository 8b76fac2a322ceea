/**
 * How a job is going, for any number of viewers, over one connection to Redis and without polling.
 *
 * Use it where browsers ask every second for the state of a job. The worker tells its progress with its lease (RENEW) and
 * the outcome with FILL or FAIL; a `JobBoard` follows all jobs that somebody looks at with one blocked NEXT, and hands each
 * change to its viewers. The database is read once for each job that the cache does not know, and not once a second for each viewer.
 *
 * GET /jobs/:id         the state now, as JSON
 * GET /jobs/:id/events  the state now and each change, as server-sent events
 */
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { Redis } from "ioredis";

export type JobState =
  | { state: "working"; progress: unknown }
  | { state: "done"; result: unknown }
  | { state: "failed"; message: string }
  /** Nothing is known of it here: not begun, or forgotten. Its owner's database knows more. */
  | { state: "unknown" };

type News = [index: number, status: "HIT" | "STALE" | "FAILED" | "BUSY" | "GONE", value: string | null, version: number];
type Viewer = (state: JobState) => void;
interface Watched {
  /** What was seen last. Versions of progress are negative; they are compared for equality, nothing else. */
  version: number;
  state: JobState | undefined;
  viewers: Set<Viewer>;
}

/** NEXT follows up to 1000 entries. Beyond that take a second board. */
const MOST_WATCHED = 1000;

export class JobBoard {
  readonly #redis: Redis;
  readonly #waiting: Redis;
  readonly #namespace: string;
  readonly #operation: string;
  readonly #watched = new Map<string, Watched>();
  #follows = false;
  #blocked = false;
  #connectionId = 0;

  /** `waiting` is this board's alone. */
  constructor(redis: Redis, waiting: Redis, namespace: string, operation: string) {
    this.#redis = redis;
    this.#waiting = waiting;
    this.#namespace = namespace;
    this.#operation = operation;
  }

  /** The state as it stands. */
  async look(id: string): Promise<JobState> {
    return this.#watched.get(id)?.state ?? stateOf((await this.#next(this.#redis, [id], []))[0]);
  }

  /** Tells the state as it stands, and then each change, until the returned function is called. */
  watch(id: string, viewer: Viewer): () => void {
    let watched = this.#watched.get(id);
    if (!watched) {
      if (this.#watched.size >= MOST_WATCHED) throw new RangeError(`more than ${MOST_WATCHED} jobs are watched`);
      this.#watched.set(id, (watched = { version: 0, state: undefined, viewers: new Set() }));
      void this.#interrupt();
    }
    const { viewers, state } = watched;
    viewers.add(viewer);
    if (state) viewer(state);
    if (!this.#follows) void this.#follow();
    return () => {
      viewers.delete(viewer);
      if (viewers.size === 0 && this.#watched.get(id)?.viewers === viewers) this.#watched.delete(id);
    };
  }

  async #follow(): Promise<void> {
    this.#follows = true;
    while (this.#watched.size > 0) {
      try {
        const unseen = [...this.#watched].filter(([, { state }]) => !state).map(([id]) => id);
        if (unseen.length > 0) await this.#lookAt(unseen);
        else await this.#waitFor([...this.#watched.keys()]);
      } catch {
        // The server went away. Nothing is missed: the next call says what was seen.
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
    this.#follows = false;
  }

  async #lookAt(ids: string[]): Promise<void> {
    const news = new Map((await this.#next(this.#waiting, ids, [])).map((one) => [ids[one[0]], one]));
    // Of what is not there NEXT says nothing.
    for (const id of ids) this.#show(id, news.get(id)?.[3] ?? 0, stateOf(news.get(id)));
  }

  async #waitFor(ids: string[]): Promise<void> {
    this.#connectionId = await this.#waiting.client("ID");
    if ([...this.#watched.values()].some(({ state }) => !state)) return; // a new job came meanwhile
    this.#blocked = true;
    try {
      const news = await this.#next(this.#waiting, ids, ["BLOCK", "30000"]);
      for (const one of news) this.#show(ids[one[0]] ?? "", one[3], stateOf(one));
    } finally {
      this.#blocked = false;
    }
  }

  /** Ends the call that waits, since it does not know of a new job. The server answers it as if its time were over. */
  async #interrupt(): Promise<void> {
    try {
      // UNBLOCK answers 0 where the call has not reached the server yet.
      while (this.#blocked && (await this.#redis.client("UNBLOCK", this.#connectionId)) === 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    } catch {
      // The connection is gone, and so is the call that waited on it.
    }
  }

  #show(id: string, version: number, state: JobState): void {
    const watched = this.#watched.get(id);
    if (!watched) return;
    Object.assign(watched, { version, state });
    for (const viewer of watched.viewers) viewer(state);
  }

  async #next(connection: Redis, ids: string[], block: string[]): Promise<News[]> {
    const seen = ids.flatMap((id) => [this.#operation, paramsOf(id), `${this.#watched.get(id)?.version ?? 0}`]);
    return ((await connection.call("CACHE.RESULT", "NEXT", this.#namespace, ...block, "AFTER", ...seen)) ?? []) as News[];
  }
}

export function jobApi(board: JobBoard, readDatabase: (id: string) => Promise<JobState>): Hono {
  const api = new Hono();
  const reading = new Map<string, Promise<JobState>>();

  /** All who need the database within a second share one read of it. */
  function known(id: string, state: JobState): Promise<JobState> {
    if (state.state !== "unknown") return Promise.resolve(state);
    let read = reading.get(id);
    if (!read) {
      reading.set(id, (read = readDatabase(id)));
      setTimeout(() => reading.delete(id), 1_000).unref();
    }
    return read;
  }

  api.get("/jobs/:id", async (context) => {
    const id = context.req.param("id");
    return context.json(await known(id, await board.look(id)));
  });

  api.get("/jobs/:id/events", (context) =>
    streamSSE(context, async (stream) => {
      const id = context.req.param("id");
      const over = new AbortController();
      stream.onAbort(() => over.abort());
      let told = Promise.resolve();
      const stop = board.watch(id, (state) => {
        told = told.then(async () => {
          const news = await known(id, state);
          await stream.writeSSE({ event: news.state, data: JSON.stringify(news) });
          if (news.state === "done" || news.state === "failed") over.abort();
        });
      });
      if (!over.signal.aborted) await new Promise((resolve) => over.signal.addEventListener("abort", resolve, { once: true }));
      stop();
    }),
  );

  return api;
}

const paramsOf = (id: string): string => JSON.stringify({ job: id });

function stateOf(news: News | undefined): JobState {
  const [, status, value] = news ?? [0, "GONE" as const, null];
  if (value === null || status === "GONE") return { state: "unknown" };
  if (status === "FAILED") return { state: "failed", message: value };
  const json: unknown = JSON.parse(value);
  return status === "BUSY" ? { state: "working", progress: json } : { state: "done", result: json };
}
