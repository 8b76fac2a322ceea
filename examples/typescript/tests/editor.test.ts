import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import { type CachedOptions, cacheOver } from "../recipes/cached.ts";
import { type CacheClient, overIoredis } from "../recipes/clients.ts";
import { type Backend, Editor, RULES, type Scene } from "../recipes/editor.ts";
import { gate, TestServer, until } from "./support/server.ts";

describe("the editor", () => {
  let server: TestServer;
  const connections: Redis[] = [];
  const clients: CacheClient[] = [];
  const connect = () => {
    const connection = new Redis({ port: server.port });
    connections.push(connection);
    return connection;
  };

  function open(namespace: string, over: Partial<Backend> = {}, options: Partial<CachedOptions> = {}) {
    const scenes = new Map<string, Scene>([["s1", { id: "s1", text: "dawn" }], ["s2", { id: "s2", text: "noon" }]]);
    const calls = { reads: 0, models: 0, builds: 0 };
    const backend: Backend = {
      async readScene(id) {
        calls.reads += 1;
        return { ...scenes.get(id)! };
      },
      readScenes: async () => [...scenes.values()].map((scene) => ({ ...scene })),
      writeScene: async (scene) => void scenes.set(scene.id, scene),
      sceneExists: async (id) => scenes.has(id),
      askModel: async () => ({ action: `cut ${++calls.models}`, targetSceneId: "s2" }),
      compile: async (source) => (++calls.builds, source.includes("(") ? { ok: true, bundle: source } : { ok: false, diagnostics: [`1:1 ( expected, build ${calls.builds}`] }),
      ...over,
    };
    const redis = connect();
    const client = () => {
      clients.push(overIoredis(connect()));
      return clients.at(-1)!;
    };
    const editor = () => new Editor(cacheOver(client(), options), redis, connect(), namespace, backend);
    return { editor: editor(), another: editor(), backend, scenes, calls };
  }
  const waiters = async (namespace: string) => {
    const flat = (await server.admin.call("CACHE.STATS", namespace)) as unknown[];
    return flat[flat.indexOf("waiters") + 1];
  };

  before(async () => {
    server = await TestServer.start();
    for (const rule of RULES) await server.admin.call("CACHE.POLICY", "SET", "editor:*", ...rule);
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    connections.forEach((connection) => connection.disconnect());
    await server.stop();
  });

  test("a scene is read once, and anew after a change", async () => {
    const { editor, calls } = open("editor:scenes");
    await Promise.all([editor.scene("s1"), editor.scene("s1")]);
    await editor.scene("s1");
    assert.equal(calls.reads, 1);
    await editor.change({ id: "s1", text: "dusk" });
    assert.equal((await editor.scene("s1")).text, "dusk");
    await editor.scene("s2");
    await editor.change({ id: "s1", text: "night" });
    await editor.scene("s2");
    assert.equal(calls.reads, 3);
  });

  test("a decision holds until the scene it was asked about, or the one it is about, changes", async () => {
    const { editor, calls } = open("editor:decisions");
    const ask = () => editor.decide("s1", "tighten the opening", `r-${Math.random()}`);
    assert.deepEqual([await ask(), await ask()].map(({ action }) => action), ["cut 1", "cut 1"]);
    await editor.change({ id: "s1", text: "fog" });
    assert.equal((await ask()).action, "cut 2");
    await editor.change({ id: "s2", text: "rain" }); // its target: a tag that comes from the result
    assert.equal((await ask()).action, "cut 3");
    await editor.change({ id: "s3", text: "elsewhere" });
    assert.equal((await ask()).action, "cut 3");
    assert.equal(calls.models, 3);
  });

  test("a decision about a scene that is gone is rejected, and replaced for everybody", async () => {
    const { editor, another, scenes } = open("editor:reject");
    const ask = (by: Editor) => by.decide("s1", "what next?", "r");
    assert.equal((await ask(editor)).action, "cut 1");
    const gone = scenes.get("s2")!;
    scenes.delete("s2"); // nobody told the cache
    const model = gate();
    const { editor: careful, calls } = open("editor:reject", {
      sceneExists: async (id) => scenes.has(id),
      askModel: async () => (calls.models++, await model.promise, { action: "fade", targetSceneId: "s1" }),
    });
    const first = ask(careful);
    await until("the model to be asked", () => calls.models === 1);
    const second = ask(another); // finds the old decision, rejects it too, and waits
    await until("the other to wait", async () => (await waiters("editor:reject")) === 1);
    model.open();
    assert.deepEqual((await Promise.all([first, second])).map(({ action }) => action), ["fade", "fade"]);
    scenes.set("s2", gone);
    assert.equal((await ask(another)).action, "fade");
  });

  test("prompts with odd Unicode are told apart where they differ, and only there", async () => {
    const { editor, calls } = open("editor:unicode");
    const same = [["café", "cafe\u0301"], ["cut\ud83d", "cut\ufffd"]];
    for (const [one, two] of same)
      assert.deepEqual(await editor.decide("s1", one!, "r"), await editor.decide("s1", two!, "r"));
    const different = ["", " ", "\u0000", "\u202egnp", "👩‍👩‍👧", "👩👩👧", "ﬁ", "fi", "a\u2028b", "a\\u2028b", '"},"x":{"', "\ufeffa", "a", "A"];
    for (const prompt of different) await editor.decide("s1", prompt, "r");
    assert.equal(calls.models, same.length + different.length);
    for (const prompt of different) await editor.decide("s1", prompt, "again");
    assert.equal(calls.models, same.length + different.length);
  });

  test("only builds that succeed are kept, and all who wait hear of one that fails", async () => {
    const { editor, calls } = open("editor:builds");
    assert.deepEqual(await editor.build("main()"), { ok: true, bundle: "main()" });
    await editor.build("main()");
    assert.equal(calls.builds, 1);
    const bad = async () => editor.build("main");
    assert.deepEqual([await bad(), await bad()].map((build) => !build.ok && build.diagnostics), [["1:1 ( expected, build 2"], ["1:1 ( expected, build 3"]]);

    const finish = gate();
    const slow = open("editor:slow", { compile: async () => (await finish.promise, { ok: false, diagnostics: ["a 'string' is open\nhere"] }) });
    const both = [slow.editor.build("x"), slow.another.build("x")];
    await until("one to wait", async () => (await waiters("editor:slow")) === 1);
    finish.open();
    assert.deepEqual(await Promise.all(both), Array(2).fill({ ok: false, diagnostics: ["a 'string' is open\nhere"] }));
  });

  test("an opened project is warm, and an update meanwhile wins", async () => {
    const { editor, calls, backend, scenes } = open("editor:warm");
    assert.deepEqual(await editor.open(), [2, 0]);
    await Promise.all([editor.scene("s1"), editor.scene("s2")]);
    assert.equal(calls.reads, 0);
    assert.deepEqual(await editor.open(), [0, 2]); // all there already

    const readScenes = backend.readScenes.bind(backend);
    backend.readScenes = async () => {
      const read = await readScenes();
      await editor.change({ id: "s1", text: "changed meanwhile" });
      return read;
    };
    scenes.set("s4", { id: "s4", text: "new" });
    assert.deepEqual(await editor.open(), [1, 2]); // s4; s1 is fenced, s2 is there
    assert.equal((await editor.scene("s1")).text, "changed meanwhile");
    assert.equal(calls.reads, 1);
  });
});
