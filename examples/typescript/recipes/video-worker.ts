/**
 * A worker that generates the videos of an execution plan, each once, however many workers have the same plan.
 *
 * Use it where one result costs minutes and money. A short lease, renewed while the work goes on, makes the workers
 * watch each other: when one is killed, another that waits takes its job over as soon as the lease lapses. When the plan is
 * invalidated in the meantime, the heartbeat hears of it and the work is stopped, since nobody will want its result.
 * Give each worker two connections: on `waiting` it is blocked while others work.
 */
import type { Redis } from "ioredis";

export interface VideoJob {
  id: string;
  operation: string;
  /** All that the video depends on, and nothing else. */
  params: Record<string, unknown>;
  dependsOn?: string[];
}

export interface Plan {
  /** Each job after those it depends on. */
  jobs: VideoJob[];
}

export interface Video {
  url: string;
  bytes: number;
}

/** `made` are the videos of the jobs it depends on. It should stop when `signal` says so. */
export type Generate = (job: VideoJob, made: Video[], report: (percent: number) => void, signal: AbortSignal) => Promise<Video>;

export interface Worker {
  redis: Redis;
  waiting: Redis;
  namespace: string;
  /** Who holds a lease: shown by CACHE.RESULT INFO. Another for each process. */
  name: string;
  leaseMs: number;
  generate: Generate;
}

type Fetched = [status: string, value: string | null, token: string | null, version: number];

/** The video of each job, by its id. */
export async function runPlan(worker: Worker, plan: Plan): Promise<Map<string, Video>> {
  for (;;) {
    const videos = await tryPlan(worker, plan);
    if (videos) return videos;
    // A lease was lost. If it was to an invalidation, earlier jobs may be concerned too: look again at all of them.
  }
}

async function tryPlan(worker: Worker, plan: Plan): Promise<Map<string, Video> | undefined> {
  const videos = new Map<string, Video>();
  for (const job of plan.jobs) {
    const made = (job.dependsOn ?? []).flatMap((id) => videos.get(id) ?? []);
    const video = await videoOf(worker, job, made);
    if (!video) return undefined;
    videos.set(job.id, video);
  }
  return videos;
}

async function videoOf(worker: Worker, job: VideoJob, made: Video[]): Promise<Video | undefined> {
  const { waiting, namespace, name, leaseMs } = worker;
  for (;;) {
    const [status, value, token] = (await waiting.call("CACHE.RESULT", "FETCH", namespace, job.operation,
      JSON.stringify(job.params), "NOSTALE", "HOLDER", name, "LEASE", leaseMs, "BLOCK", 30_000)) as Fetched;
    if (status === "HIT" && value !== null) return JSON.parse(value) as Video;
    if (status === "FAILED") throw new Error(`${job.id}: ${value}`);
    if (token !== null) return generateUnder(token, worker, job, made);
    // BUSY: another is still at it.
  }
}

/** Nothing where the lease was lost: another worker overtook this one, or the job was invalidated. */
async function generateUnder(token: string, worker: Worker, job: VideoJob, made: Video[]): Promise<Video | undefined> {
  const { redis, namespace, leaseMs, generate } = worker;
  const lost = new AbortController();
  let percent = 0;
  const renew = async () => {
    const reply = await redis.call("CACHE.RESULT", "RENEW", namespace, token, "PROGRESS", JSON.stringify({ percent }));
    if (reply === "FENCED") lost.abort();
  };
  // A heartbeat that does not get through is not the end: the next may, and FILL says how it stands.
  const heartbeat = setInterval(() => void renew().catch(() => {}), leaseMs / 3);
  try {
    const begun = performance.now();
    const video = await generate(job, made, (reached) => void (percent = reached), lost.signal);
    const took = Math.round(performance.now() - begun);
    const reply = await redis.call("CACHE.RESULT", "FILL", namespace, token, JSON.stringify(video), "TOOK", took, "WEIGHT", video.bytes);
    return reply === "OK" ? video : undefined;
  } catch (error) {
    if (lost.signal.aborted) return undefined;
    await redis.call("CACHE.RESULT", "FAIL", namespace, token, (error as Error).message);
    throw error;
  } finally {
    clearInterval(heartbeat);
  }
}
