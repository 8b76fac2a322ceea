/**
 * The client's side of `make bench ARGS="--only clients"`: lookups with ioredis, in two ways. It hashes params by itself and
 * sends a plain GET, or it sends the params with CACHE.RESULT GET. `node lookups.js PORT`; orders come by standard input, a
 * line of JSON each, and each is answered by a line of numbers when it is carried out.
 */
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import { entryKey } from "../recipes/canonical.ts";

interface Job {
  /** As a program has them: an object, not its text. */
  params: unknown;
  result: string;
}

/** What is asked for from now on. */
interface Task {
  hashed: string;
  namespace: string;
  operation: string;
  jobs: [params: string, result: string][];
}

/** For how long, and how many together. */
interface Turn {
  way: "hash" | "cache";
  pipeline: number;
  ms: number;
}

type Command = [name: string, ...args: string[]];

const redis = new Redis(Number(process.argv[2]), "127.0.0.1");
let task: Task = { hashed: "", namespace: "", operation: "", jobs: [] };
let jobs: Job[] = [];

const WAYS: Record<Turn["way"], (job: Job) => Command> = {
  hash: (job) => ["get", entryKey(task.hashed, task.operation, job.params)],
  cache: (job) => ["CACHE.RESULT", "GET", task.namespace, task.operation, JSON.stringify(job.params)],
};

/** How many lookups there were, and the microseconds that passed on the clock and on this process's processor. */
async function measure({ way, pipeline, ms }: Turn): Promise<[number, number, number]> {
  const command = WAYS[way];
  const cpu = process.cpuUsage();
  const started = performance.now();
  let lookups = 0;
  while (performance.now() - started < ms) {
    const asked = Array.from({ length: pipeline }, (_, at) => jobs[(lookups + at) % jobs.length] as Job);
    const found = pipeline === 1 ? [await one(command(asked[0] as Job))] : await together(asked.map(command));
    asked.forEach(({ result }, at) => {
      if (found[at] !== result) throw new Error(`${way} found ${String(found[at])} instead of ${result}`);
    });
    lookups += pipeline;
  }
  const wallUs = (performance.now() - started) * 1000;
  const { user, system } = process.cpuUsage(cpu);
  return [lookups, Math.round(wallUs), user + system];
}

function one([name, ...args]: Command): Promise<unknown> {
  return redis.call(name, ...args);
}

async function together(commands: Command[]): Promise<unknown[]> {
  const pipeline = redis.pipeline();
  for (const [name, ...args] of commands) pipeline.call(name, ...args);
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Task | Turn;
  if ("jobs" in order) {
    task = order;
    jobs = order.jobs.map(([params, result]) => ({ params: JSON.parse(params), result }));
    console.log(jobs.length);
  } else {
    console.log((await measure(order)).join(" "));
  }
}
redis.disconnect();
