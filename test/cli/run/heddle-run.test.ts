import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, watch } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";

import { formatAddress } from "../../../shared/address.ts";
import { packageRoot } from "../../../shared/package-root.ts";
import { applyBundle, freePort, openControlPlane } from "../../support/control-plane.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { heddle } from "../captured-terminal.ts";

/** Answers at once, but for /slow: says on stdout that it began, calls echo through http_proxy when told, then answers. */
const PROGRAM = `
  const http = require("node:http");
  const proxy = new URL(process.env.http_proxy);
  http.createServer((incoming, outgoing) => {
    if (incoming.url !== "/slow") return outgoing.end("fast");
    process.stdout.write("began\\n");
    process.stdin.once("data", () => {
      http.get({ host: proxy.hostname, port: proxy.port, path: "http://echo/", headers: { host: "echo" }, agent: false }, (echo) => {
        echo.setEncoding("utf8").on("data", (body) => outgoing.end("slow " + echo.statusCode + " " + body));
      });
    });
  }).listen(Number(process.argv[1]), "127.0.0.1");
  process.on("SIGTERM", () => process.exit(7));
`;

/** Settles with the content of a ready file, once it is there. */
async function readyFile(file: string): Promise<Readonly<Record<string, string>>> {
  while (!existsSync(file)) {
    const watcher = watch(join(file, ".."));
    if (!existsSync(file)) await once(watcher, "change");
    watcher.close();
  }
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Settles when `wanted` stands in the output of the child. */
function outputOf(stream: NodeJS.ReadableStream, wanted: string): Promise<void> {
  let all = "";
  return new Promise((done) => {
    stream.on("data", (chunk: Buffer) => {
      all += chunk.toString();
      if (all.includes(wanted)) done();
    });
  });
}

async function answerOf(address: string, path: string): Promise<{ readonly status: number; readonly body: string }> {
  const [host, port] = address.split(":");
  const call = request({ host, port, path, headers: { host: "reviews" }, agent: false }).end();
  const [response] = await once(call, "response");
  return { status: response.statusCode, body: await text(response) };
}

describe("heddle run", () => {
  it("lists its program while it listens, drains on SIGTERM without losing an answer, and passes the exit code on", async (t: TestContext) => {
    const folder = tempFolder(t);
    const controlPlane = await openControlPlane(t);
    const server = formatAddress(controlPlane.admin);
    const echo = createServer((_, response) => response.end("echo")).listen(0, "127.0.0.1");
    await once(echo, "listening");
    t.after(() => echo.close());
    const { port: echoPort } = echo.address() as AddressInfo; // a TCP server's address
    const value = { serviceName: "echo", podIp: "127.0.0.1", port: echoPort };
    await applyBundle(controlPlane, { resources: [{ kind: { $case: "serviceEndpoint", value } }] });

    const appPort = String(await freePort());
    const ready = join(folder, "ready.json");
    const flags = [
      ["run", "--service", "reviews", "--name", "reviews-1", "--app", `127.0.0.1:${appPort}`, "--ready-file", ready],
      ["--control-plane", formatAddress(controlPlane.xds), "--state", join(folder, "state"), "--access-log", "off"],
      ["--outbound", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "warn"],
      ["--", process.execPath, "-e", PROGRAM, appPort],
    ].flat();
    const child = spawn(process.execPath, [join(packageRoot, "cli", "heddle.mjs"), ...flags], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    t.after(() => child.kill("SIGKILL"));
    const exited = once(child, "exit");
    const { inbound = "" } = await readyFile(ready);
    assert.deepEqual(await answerOf(inbound, "/"), { status: 200, body: "fast" });
    const listed = async (): Promise<string> => (await heddle(["list", "endpoints", "--server", server])).out;
    const row = new RegExp(`reviews +${inbound} +- +healthy +1 +reviews-1`);
    while (!row.test(await listed())) await heddle(["call", "WaitForRevision", "{}", "--server", server]);

    const began = outputOf(child.stdout, "began");
    const slow = answerOf(inbound, "/slow");
    await began;
    const draining = outputOf(child.stderr, "draining");
    child.kill("SIGTERM");
    await draining;
    child.stdin.write("go\n");
    assert.deepEqual(await slow, { status: 200, body: "slow 200 echo" }, "the answer in flight, with its own call");
    const [code] = await exited;
    assert.equal(code, 7);
    assert.doesNotMatch(await listed(), row);
  });
});
