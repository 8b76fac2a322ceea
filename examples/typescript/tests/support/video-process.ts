/** A worker as a process of its own, which a test can kill: arguments are a port, a name and how the work goes. */
import { Redis } from "ioredis";
import { type Plan, runPlan } from "../../recipes/video-worker.ts";

const [port = "0", name = "worker", manner = "finishes", plan = "{}"] = process.argv.slice(2);
const redis = new Redis({ port: Number(port) });
const waiting = redis.duplicate();
const videos = await runPlan(
  {
    redis,
    waiting,
    namespace: "studio",
    name,
    leaseMs: 150,
    async generate(job, made, report, signal) {
      process.stdout.write(`begins ${job.id}\n`);
      report(40);
      const hangs = manner === "hangs" || manner === `hangs in ${job.id}`;
      // Goes on until it is killed, or told that nobody wants this any more.
      while (hangs && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
      if (signal.aborted) process.stdout.write(`stops ${job.id}\n`);
      signal.throwIfAborted();
      return { url: `/${name}/${[job.id, ...made.map((video) => video.url)].join("+")}`, bytes: 1000 };
    },
  },
  JSON.parse(plan) as Plan,
);
process.stdout.write(`${JSON.stringify(Object.fromEntries(videos))}\n`);
redis.disconnect();
waiting.disconnect();
