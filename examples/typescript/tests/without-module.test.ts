import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { canonical, entryKey } from "../recipes/canonical.ts";
import type { CacheClient } from "../recipes/clients.ts";
import { plainCacheOver } from "../recipes/without-module.ts";
import { CLIENTS } from "./support/clients.ts";
import { Draw } from "./support/draw.ts";
import { gate, TestServer } from "./support/server.ts";

describe("keys made by the client are the module's", () => {
  let server: TestServer;
  before(async () => void (server = await TestServer.start()));
  after(() => server.stop());
  const keyOf = (namespace: string, operation: string, text: string) =>
    server.admin.call("CACHE.RESULT", "KEY", namespace, operation, text) as Promise<string>;

  const NUMBERS = [0, -0, 1, -1, 0.1, 1e21, 1e-7, 123456789012345680000, 5e-324, Number.MAX_VALUE, 2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2,
    -(2 ** 53), 1e20, 333333333.33333329, 4.35, 0.000001, 9.999999999999997e22, 1 / 3];
  const INTEGERS = [0n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 64n, 10n ** 40n, 12345678901234567890n];
  const TEXTS = ["", "é", "e\u0301", "\u0000\u0001\u001f\u007f", '"\\/\b\f\n\r\t', "\u2028\u2029", "😀", "\ufeff", "\uffff", "עברית", "a".repeat(2000)];

  test("for what is special about JSON", async () => {
    const values = [null, true, false, [], {}, [[]], [{}], ...NUMBERS, ...INTEGERS, ...TEXTS,
      Object.fromEntries(TEXTS.map((text, at) => [text, at])), { "\u{1f600}": 1, "\ufb33": 2, "10": 3, "9": 4, a: undefined },
      { constructor: 1, toString: 2, ["__proto__"]: 3 }];
    for (const value of values) assert.equal(await keyOf("app", "work", canonical(value)), entryKey("app", "work", value));
  });

  test("for a thousand drawn values, however they are spelled", async () => {
    const draw = new Draw(20_260_521);
    const drawn = Array.from({ length: 1000 }, () => draw.value(NUMBERS, INTEGERS, TEXTS));
    const keys = await Promise.all(drawn.map((value) => keyOf("app", "work", draw.spelled(value))));
    drawn.forEach((value, at) => assert.equal(keys[at], entryKey("app", "work", value), canonical(value)));
    assert.ok(new Set(keys).size > 600);
  });

  test("for names with and without a hash tag", async () => {
    for (const namespace of ["app", "app:7", "{app}:7", "a{b}", "a{b}c/d@e+f-g.h_i"])
      assert.equal(await keyOf(namespace, "video:stats@v2", "{}"), entryKey(namespace, "video:stats@v2", {}));
  });

  test("and both refuse the same", async () => {
    const nested = (levels: number) => Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 1);
    const refused = async (text: string) => assert.rejects(keyOf("app", "work", text), /^ReplyError: BADPARAMS/);
    assert.equal(await keyOf("app", "work", canonical(nested(128))), entryKey("app", "work", nested(128)));
    await refused("[".repeat(129) + "1" + "]".repeat(129));
    assert.throws(() => canonical(nested(129)), TypeError);
    await refused('"\\ud800"');
    assert.throws(() => canonical({ prompt: "\ud800" }), TypeError);
    for (const odd of [NaN, Infinity, [undefined], new Date(0), new Map(), () => 1, Symbol("a")])
      assert.throws(() => canonical(odd), TypeError);
  });
});

for (const [name, connect] of CLIENTS) {
  describe(`without the module, over ${name}`, () => {
    let server: TestServer;
    let client: CacheClient;
    before(async () => {
      server = await TestServer.start({ module: false });
      client = await connect(server.port, { commandMs: 100 });
    });
    after(async () => {
      await client.close();
      await server.stop();
    });

    test("it computes once for all who ask in this process, and finds it afterwards", async () => {
      const cached = plainCacheOver(client, { ttlMs: (operation) => (operation === "work" ? 60_000 : 1_000) });
      const finish = gate();
      let computed = 0;
      const work = async () => (await finish.promise, { computed: ++computed });
      const answers = [cached("app", "work", { a: 1, b: 2n }, work), cached("app", "work", { b: 2, a: 1 }, work)];
      finish.open();
      assert.deepEqual(await Promise.all(answers), [{ computed: 1 }, { computed: 1 }]);
      assert.deepEqual(await plainCacheOver(client)("app", "work", { b: 2, a: 1 }, work), { computed: 1 });
      const left = await server.admin.pttl(entryKey("app", "work", { a: 1, b: 2 }));
      assert.ok(left > 30_000 && left <= 60_000, `${left} ms`);
    });

    test("a failure reaches the caller and is not kept", async () => {
      const cached = plainCacheOver(client);
      await assert.rejects(cached("app", "fails", 1, async () => Promise.reject(new RangeError("no"))), RangeError);
      assert.equal(await cached("app", "fails", 1, async () => "again"), "again");
    });

    test("the caller gets its answer while the server hangs", async () => {
      const troubles: unknown[] = [];
      const cached = plainCacheOver(client, { onTrouble: (error) => troubles.push(error) });
      server.pause();
      assert.equal(await cached("app", "work", "hung", async () => "answered"), "answered");
      server.resume();
      assert.equal(troubles.length, 2);
    });
  });
}
