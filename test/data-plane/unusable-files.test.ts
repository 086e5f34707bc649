import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { readProxyConfig, type ProxySettings } from "../../data-plane/config.ts";
import { unusableFiles } from "../../data-plane/unusable-files.ts";
import { tempFolder } from "../support/temp-folder.ts";

function problems(settings: ProxySettings): readonly string[] {
  const config = readProxyConfig({ service: "web", ...settings });
  assert.ok(config.ok);
  return unusableFiles(config.value).map(({ path, message }) => `${path} ${message}`);
}

describe("the files of a proxy", () => {
  it("are fine when their folders can be made", (t) => {
    const folder = join(tempFolder(t), "deep");
    const files = { state: join(folder, "state"), readyFile: join(folder, "ready", "r.json") };
    assert.deepEqual(problems({ ...files, accessLog: join(folder, "logs", "access.log") }), []);
    assert.ok(existsSync(files.state));
    assert.deepEqual(problems({ accessLog: "off" }), []);
    assert.deepEqual(problems({ accessLog: "/dev/null" }), []);
  });

  it("are all told, by their flags, when a file or a folder is in the way", (t) => {
    const folder = tempFolder(t);
    const file = join(folder, "file");
    writeFileSync(file, "");
    assert.deepEqual(problems({ state: file, readyFile: folder, accessLog: join(file, "access.log") }), [
      `--state "${file}" cannot be written: a file is in the place of a folder`,
      `--ready-file "${folder}" cannot be written: it is a folder`,
      `--access-log "${join(file, "access.log")}" cannot be written: a file is in the place of a folder`,
    ]);
  });
});
