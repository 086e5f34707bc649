import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { readProxyConfig, type ProxyConfig } from "../../data-plane/config.ts";
import { nodeName } from "../../data-plane/node-name.ts";
import { systemIds } from "../../shared/random.ts";
import { tempFolder } from "../support/temp-folder.ts";

function configOf(service: string, state?: string, name?: string): ProxyConfig {
  const config = readProxyConfig({ service, state, name });
  assert.ok(config.ok);
  return config.value;
}

describe("the name of a proxy", () => {
  it("is the one given", () => {
    assert.equal(nodeName(configOf("web", undefined, "web-1"), systemIds), "web-1");
  });

  it("is made up once per state folder", (t) => {
    const folder = join(tempFolder(t), "deep", "state");
    const name = nodeName(configOf("web", folder), systemIds);
    assert.match(name, /^web-[0-9a-f]{6}$/);
    assert.equal(nodeName(configOf("web", folder), systemIds), name);
    assert.notEqual(nodeName(configOf("web"), systemIds), name);
  });

  it("does not come from another service's state, nor from a file that a crash left empty", (t) => {
    const folder = tempFolder(t);
    for (const content of ["reviews-abcdef\n", ""]) {
      writeFileSync(join(folder, "name"), content);
      assert.match(nodeName(configOf("web", folder), systemIds), /^web-[0-9a-f]{6}$/);
    }
  });
});
