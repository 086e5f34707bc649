import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import { tempFolder } from "../../support/temp-folder.ts";
import { heddle } from "../captured-terminal.ts";

const QUIET = ["--log-level", "silent"];

async function takenPort(t: TestContext): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // a TCP server's address
}

describe("a proxy that cannot start", () => {
  it("names the flag whose port is taken, and how to get a free one", async (t) => {
    const taken = await takenPort(t);
    const ports = ["--outbound", "127.0.0.1:0", "--admin", taken];
    const { code, err } = await heddle(["proxy", "--service", "web", "--access-log", "off", ...QUIET, ...ports]);
    assert.deepEqual(
      [code, err],
      [
        1,
        `error: --admin: ${taken} is in use by another process; choose another port\n` +
          "  -> port 0 picks a free one: --admin 127.0.0.1:0\n",
      ],
    );
  });

  it("names the flag whose file it cannot write", async (t) => {
    const file = join(tempFolder(t), "file");
    writeFileSync(file, "");
    const { code, err } = await heddle(["proxy", "--service", "web", "--state", file]);
    assert.equal(code, 64);
    assert.match(err, /^error: --state ".*file" cannot be written: a file is in the place of a folder\n/);
  });
});

describe("a control plane that cannot start", () => {
  it("names the flag whose port is taken, and what to do about it", async (t) => {
    const [taken, folder] = [await takenPort(t), tempFolder(t)];
    const ports = ["--xds", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--metrics", taken];
    const { code, err } = await heddle(["control-plane", "--db", join(folder, "mesh.db"), ...QUIET, ...ports]);
    const [host, port] = taken.split(":");
    assert.deepEqual(
      [code, err],
      [
        1,
        `error: --metrics: port ${port} of ${host} is in use\n` +
          "  -> stop the process that has it; another control plane answers: heddle ps\n" +
          "  -> or choose another port; 0 picks a free one: --metrics 127.0.0.1:0\n",
      ],
    );
  });

  it("names the flag whose file it cannot write", async (t) => {
    const folder = tempFolder(t);
    const ports = ["--xds", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    const flags = ["--db", join(folder, "mesh.db"), "--ready-file", folder];
    const { code, err } = await heddle(["control-plane", ...QUIET, ...ports, ...flags]);
    assert.equal(code, 1);
    assert.match(err, /^error: --ready-file: .*\n {2}-> name another file: --ready-file FILE\n$/);
  });

  it("refuses a log level that there is not", async () => {
    const { code, err } = await heddle(["control-plane", "--log-level", "loud"]);
    assert.equal(code, 64);
    assert.match(err, /^error: --log-level "loud" is none of info, trace, debug, warn, error, fatal, silent\n/);
  });
});
