import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { TestServer } from "./support/server.ts";

/** The folder of the recipes, seen from the compiled test. */
const HERE = new URL("../../", import.meta.url);

/** The program on the page of the recipes, as a reader would copy it, but beside the compiled recipes: it has no types. */
test("what the page prints is what it says", async () => {
  const page = await readFile(new URL("README.md", HERE), "utf8");
  const blocks = [...page.matchAll(/^```(\w*)\n(.*?)^```/gms)].map(([, language = "", text = ""]) => ({ language, text }));
  const text = (wanted: string) => blocks.find(({ language }) => language === wanted)?.text ?? "";
  const server = await TestServer.start();
  try {
    const program = text("ts").replace("6379", `${server.port}`).replaceAll(/(\.\/\w+)\.ts/g, "$1.js");
    const file = new URL("build/recipes/square.mjs", HERE);
    await writeFile(file, program);
    const run = await promisify(execFile)(process.execPath, [file.pathname], { timeout: 60_000 });
    assert.deepEqual({ ...run }, { stdout: text(""), stderr: "" });
  } finally {
    await server.stop();
  }
});
