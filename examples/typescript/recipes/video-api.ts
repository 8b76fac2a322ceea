/**
 * The HTTP side of an execution plan: how far it is, and DELETE to have it, or a part of it, made anew.
 *
 * GET    /plans/:id             the jobs with their states, as they stand; asking starts no work
 * DELETE /plans/:id             invalidates all jobs; workers that are at one of them stop
 * DELETE /plans/:id?from=job    that job and all that depend on it
 */
import { Hono } from "hono";
import type { Redis } from "ioredis";
import type { Plan } from "./video-worker.ts";

type News = [index: number, status: "HIT" | "STALE" | "FAILED" | "BUSY" | "GONE", value: string | null, version: number];
const STATES = { HIT: "done", STALE: "outdated", FAILED: "failed", BUSY: "working", GONE: "missing" } as const;

export function videoApi(redis: Redis, namespace: string, findPlan: (id: string) => Promise<Plan | undefined>): Hono {
  const api = new Hono();

  api.get("/plans/:id", async (context) => {
    const plan = await findPlan(context.req.param("id"));
    if (!plan) return context.json({ error: "there is no such plan" }, 404);
    const seen = plan.jobs.flatMap(({ operation, params }) => [operation, JSON.stringify(params), 0]);
    const news = ((await redis.call("CACHE.RESULT", "NEXT", namespace, "AFTER", ...seen)) ?? []) as News[];
    const known = new Map(news.map((one) => [one[0], one]));
    const jobs = plan.jobs.map(({ id }, index) => {
      const [, status, value] = known.get(index) ?? [index, "GONE" as const, null];
      const detail = status === "FAILED" ? value : value && (JSON.parse(value) as unknown);
      return { id, state: STATES[status], detail };
    });
    return context.json({ jobs });
  });

  api.delete("/plans/:id", async (context) => {
    const plan = await findPlan(context.req.param("id"));
    if (!plan) return context.json({ error: "there is no such plan" }, 404);
    const from = context.req.query("from");
    if (from !== undefined && !plan.jobs.some(({ id }) => id === from)) return context.json({ error: "there is no such job" }, 404);
    const part = from === undefined ? [] : ["FROM", from];
    const invalidated = await redis.call("CACHE.INVALIDATE", "PLAN", namespace, JSON.stringify(plan), ...part);
    return context.json({ invalidated });
  });

  return api;
}
