import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import { JobBoard, type JobState, jobApi } from "../recipes/progress.ts";
import { TestServer, until } from "./support/server.ts";

describe("job progress", () => {
  let server: TestServer;
  const connections: Redis[] = [];
  let reads = 0;

  /** The database that was polled so far. */
  async function readDatabase(): Promise<JobState> {
    reads += 1;
    return { state: "working", progress: { from: "database" } };
  }

  function open() {
    const [redis, waiting] = [new Redis({ port: server.port }), new Redis({ port: server.port })];
    connections.push(redis, waiting);
    const board = new JobBoard(redis, waiting, "jobs:7", "encode");
    return { board, api: jobApi(board, readDatabase) };
  }

  async function begin(id: string): Promise<string> {
    const fetched = (await server.admin.call("CACHE.RESULT", "FETCH", "jobs:7", "encode", JSON.stringify({ job: id }))) as string[];
    return fetched[2]!;
  }
  const report = (token: string, percent: number) =>
    server.admin.call("CACHE.RESULT", "RENEW", "jobs:7", token, "PROGRESS", JSON.stringify({ percent }));
  const nextCalls = async () => Number(/cmdstat_cache\.result\|next:calls=(\d+)/.exec(await server.admin.info("commandstats"))?.[1] ?? 0);

  /** Collects the events of one viewer. */
  async function view(api: ReturnType<typeof jobApi>, id: string) {
    const response = await api.request(`/jobs/${id}/events`);
    const events: JobState[] = [];
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const ended = (async () => {
      let text = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        text += part.value;
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          events.push(JSON.parse(/^data: (.*)$/m.exec(text.slice(0, end))![1]!) as JobState);
          text = text.slice(end + 2);
        }
      }
    })();
    return { events, ended, leave: () => reader.cancel() };
  }

  before(async () => {
    server = await TestServer.start();
    await server.admin.call("CACHE.POLICY", "SET", "jobs:*", "*", "NEGATIVE", "1m");
  });
  afterEach(() => {
    connections.splice(0).forEach((connection) => connection.disconnect());
    reads = 0;
  });
  after(() => server.stop());

  test("a viewer sees what stands, each step, and the end", async () => {
    const { api } = open();
    const token = await begin("steps");
    await report(token, 10);
    const { events, ended } = await view(api, "steps");
    await until("the first event", () => events.length === 1);
    await report(token, 60);
    await until("the second event", () => events.length === 2);
    assert.deepEqual(await (await api.request("/jobs/steps")).json(), { state: "working", progress: { percent: 60 } });
    await server.admin.call("CACHE.RESULT", "FILL", "jobs:7", token, '{"url":"/v/1"}');
    await ended;
    assert.deepEqual(events, [
      { state: "working", progress: { percent: 10 } },
      { state: "working", progress: { percent: 60 } },
      { state: "done", result: { url: "/v/1" } },
    ]);
    assert.equal(reads, 0);
  });

  test("a failure ends it, and what is unknown is asked of the database once", async () => {
    const { api } = open();
    const viewers = await Promise.all([view(api, "late"), view(api, "late"), view(api, "late")]);
    await until("the database's word", () => viewers.every(({ events }) => events.length === 1));
    assert.equal(reads, 1);
    const token = await begin("late");
    await report(token, 5);
    await until("progress", () => viewers.every(({ events }) => events.length === 2));
    await server.admin.call("CACHE.RESULT", "FAIL", "jobs:7", token, "no such codec");
    await Promise.all(viewers.map(({ ended }) => ended));
    assert.deepEqual(viewers[2]!.events.at(-1), { state: "failed", message: "no such codec" });
  });

  test("a job that is looked at later is followed at once, and an invalidated one is unknown again", async () => {
    const { api } = open();
    const first = await view(api, "first");
    await until("the first viewer", () => first.events.length === 1);
    const begun = performance.now();
    const token = await begin("second");
    await report(token, 1);
    const second = await view(api, "second");
    await until("the second viewer", () => second.events.length === 1);
    assert.ok(performance.now() - begun < 2_000, "the call that waited was not interrupted");
    await server.admin.call("CACHE.RESULT", "INVALIDATE", "jobs:7", "encode", '{"job":"second"}');
    await until("the news", () => second.events.length === 2);
    assert.deepEqual(second.events[1], { state: "working", progress: { from: "database" } });
    await Promise.all([first.leave(), second.leave()]);
  });

  test("it goes on after the server was away", async () => {
    const { api } = open();
    const viewer = await view(api, "outage");
    await until("the first event", () => viewer.events.length === 1);
    await server.kill();
    await server.start();
    await report(await begin("outage"), 77);
    await until("progress", () => JSON.stringify(viewer.events.at(-1)).includes("77"));
    await viewer.leave();
  });

  test("fifty viewers: database reads with polling and without", async () => {
    const { api } = open();
    const [viewers, steps] = [50, 10];
    // Before: each viewer asks the database once for each step, if it asks as often as there is something new.
    for (let step = 0; step < steps; step += 1) await Promise.all(Array.from({ length: viewers }, readDatabase));
    const polling = reads;

    reads = 0;
    const calls = await nextCalls();
    await Promise.all(connections.map((connection) => connection.ping())); // so that the board's own count below
    const clients = (await server.admin.client("LIST") as string).split("\n").length;
    const token = await begin("many");
    await report(token, 0);
    const all = await Promise.all(Array.from({ length: viewers }, () => view(api, "many")));
    for (let step = 1; step < steps; step += 1) {
      await until(`step ${step}`, () => all.every(({ events }) => events.length === step));
      if (step < steps - 1) await report(token, step * 10);
      else await server.admin.call("CACHE.RESULT", "FILL", "jobs:7", token, "{}");
    }
    await Promise.all(all.map(({ ended }) => ended));
    const used = (await nextCalls()) - calls;
    assert.deepEqual([polling, reads], [500, 0]);
    assert.ok(used <= 2 * steps, `${used} calls of NEXT`);
    assert.equal((await server.admin.client("LIST") as string).split("\n").length, clients);
    console.log(`${viewers} viewers, ${steps} states: ${polling} database reads by polling, ${reads} with NEXT (${used} calls of NEXT on one connection)`);
  });
});
