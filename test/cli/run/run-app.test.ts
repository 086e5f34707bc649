import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";

import { CliError } from "../../../cli/cli-error.ts";
import { appEnvironment, upstreamVariable } from "../../../cli/run/app-environment.ts";
import { runApp, type ProxyBeside } from "../../../cli/run/run-app.ts";
import type { Address } from "../../../shared/address.ts";
import { systemTimers } from "../../../shared/timers.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** A proxy at the port of `heddle run`: it writes down what was asked of it. */
class SaidProxy implements ProxyBeside {
  readonly asked: string[] = [];
  readonly serving: Promise<void>;
  readonly opened = Promise.withResolvers<void>();
  readonly #drained: Promise<void>;

  constructor(serving: Promise<void> = Promise.resolve(), drained: Promise<void> = Promise.resolve()) {
    this.serving = serving;
    this.#drained = drained;
  }
  async openInbound(): Promise<void> {
    this.asked.push("open");
    this.opened.resolve();
  }
  async drain(): Promise<void> {
    this.asked.push("drain");
    await this.#drained;
  }
  async stop(): Promise<void> {
    this.asked.push("stop");
  }
}

interface Life {
  readonly proxy?: SaidProxy;
  /** Source of the program. */
  readonly program: string;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly app?: Address;
  readonly stopMs?: number;
  readonly notes?: string[];
}

function live({
  proxy = new SaidProxy(),
  program,
  args = [],
  environment = {},
  app,
  stopMs = 10_000,
  notes = [],
}: Life): Promise<number> {
  return runApp({
    proxy,
    command: [process.execPath, "-e", program, ...args],
    environment,
    app,
    stopMs,
    timers: systemTimers,
    note: (line) => notes.push(line),
  });
}

/** As if the signal had come from outside: Node calls the same listeners. */
function deliver(signal: "SIGTERM" | "SIGINT" | "SIGHUP"): void {
  process.emit(signal, signal);
}

async function freeAddress(): Promise<Address> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address() as AddressInfo; // a TCP server's address
  await new Promise((done) => server.close(done));
  return { host: "127.0.0.1", port };
}

/** Listens, and writes `term` to a file before it ends with code 7 on SIGTERM. */
const SERVER = `
  const [port, file] = process.argv.slice(1);
  require("node:net").createServer().listen(Number(port), "127.0.0.1");
  process.on("SIGTERM", () => { require("node:fs").writeFileSync(file, "term"); process.exit(7); });
`;

describe("a program beside its proxy", () => {
  it("passes its exit code on, and takes the proxy along", async () => {
    const proxy = new SaidProxy();
    assert.equal(await live({ proxy, program: "process.exit(3)" }), 3);
    assert.deepEqual(proxy.asked, ["stop"]);
  });

  it("that a signal ended gives 128 and the signal's number", async () => {
    assert.equal(await live({ program: "process.kill(process.pid, 'SIGKILL')" }), 137);
  });

  it("that does not exist is 127, and the proxy stops", async () => {
    const proxy = new SaidProxy();
    const run = runApp({
      proxy,
      command: ["/nowhere/program"],
      environment: {},
      app: undefined,
      stopMs: 1,
      timers: systemTimers,
      note: () => {},
    });
    await assert.rejects(run, (error: unknown) => error instanceof CliError && error.exitCode === 127);
    assert.deepEqual(proxy.asked, ["stop"]);
  });

  it("starts only when the proxy can route", async (t) => {
    const file = join(tempFolder(t), "started");
    const serving = Promise.withResolvers<void>();
    const program = "require('node:fs').writeFileSync(process.argv[1], 'x')";
    const ended = live({ proxy: new SaidProxy(serving.promise), program, args: [file] });
    await new Promise((done) => setImmediate(done));
    assert.equal(existsSync(file), false);
    serving.resolve();
    assert.equal(await ended, 0);
    assert.equal(existsSync(file), true);
  });

  it("is not started at all when the wait is interrupted", async () => {
    const proxy = new SaidProxy(new Promise(() => {}));
    const ended = live({ proxy, program: "process.exit(9)" });
    deliver("SIGTERM");
    assert.equal(await ended, 0);
    assert.deepEqual(proxy.asked, ["stop"]);
  });

  it("gets its peers when it listens, and its SIGTERM when the mesh has drained", async (t) => {
    const file = join(tempFolder(t), "end");
    const app = await freeAddress();
    const drained = Promise.withResolvers<void>();
    const proxy = new SaidProxy(Promise.resolve(), drained.promise);
    const notes: string[] = [];
    const ended = live({ proxy, program: SERVER, args: [String(app.port), file], app, notes });
    await proxy.opened.promise;
    deliver("SIGTERM");
    await new Promise((done) => setImmediate(done));
    assert.deepEqual(proxy.asked, ["open", "drain"]);
    assert.equal(existsSync(file), false, "the program was stopped before the drain was over");
    drained.resolve();
    assert.equal(await ended, 7);
    assert.equal(readFileSync(file, "utf8"), "term");
    assert.deepEqual(proxy.asked, ["open", "drain", "stop"]);
    assert.deepEqual(notes, ["SIGTERM: draining"]);
  });

  it("is not waited for by a second signal", async (t) => {
    const file = join(tempFolder(t), "end");
    const app = await freeAddress();
    const proxy = new SaidProxy(Promise.resolve(), new Promise(() => {}));
    const ended = live({ proxy, program: SERVER, args: [String(app.port), file], app });
    await proxy.opened.promise;
    deliver("SIGINT");
    deliver("SIGTERM");
    // The first signal is the one that is passed on, and this program does not know SIGINT.
    assert.equal(await ended, 130);
  });

  it("that ignores SIGTERM is killed in the end", async () => {
    const app = await freeAddress();
    const proxy = new SaidProxy();
    const notes: string[] = [];
    const program = `process.on("SIGTERM", () => {}); require("node:net").createServer().listen(${app.port}, "127.0.0.1")`;
    const ended = live({ proxy, program, app, stopMs: 1, notes });
    await proxy.opened.promise;
    deliver("SIGTERM");
    assert.equal(await ended, 137);
    assert.match(notes.join(), /did not end within 0\.001 s of SIGTERM: SIGKILL/);
  });

  it("gets the signals that are not ours", async (t) => {
    const file = join(tempFolder(t), "hup");
    const app = await freeAddress();
    const proxy = new SaidProxy();
    const program = `
      process.on("SIGHUP", () => { require("node:fs").writeFileSync(process.argv[1], "hup"); process.exit(0); });
      require("node:net").createServer().listen(${app.port}, "127.0.0.1");`;
    const ended = live({ proxy, program, args: [file], app });
    await proxy.opened.promise;
    deliver("SIGHUP");
    assert.equal(await ended, 0);
    assert.equal(readFileSync(file, "utf8"), "hup");
  });

  it("finds the mesh in its environment", async (t) => {
    const file = join(tempFolder(t), "env");
    const environment = appEnvironment(
      { outbound: "127.0.0.1:15001", upstreams: new Map([["my-reviews.v2", "127.0.0.1:9091"]]) },
      "db.internal",
    );
    const program = "require('node:fs').writeFileSync(process.argv[1], JSON.stringify(process.env))";
    assert.equal(await live({ program, args: [file], environment }), 0);
    const seen = JSON.parse(readFileSync(file, "utf8"));
    assert.equal(seen.http_proxy, "http://127.0.0.1:15001");
    assert.equal(seen.HTTP_PROXY, "http://127.0.0.1:15001");
    assert.equal(seen.no_proxy, "db.internal,localhost,127.0.0.1,::1");
    assert.equal(seen.HEDDLE_OUTBOUND, "127.0.0.1:15001");
    assert.equal(seen.HEDDLE_UPSTREAM_MY_REVIEWS_V2, "http://127.0.0.1:9091");
    assert.equal(seen.PATH, process.env["PATH"], "the environment of the person is kept");
    assert.equal(upstreamVariable("a"), "HEDDLE_UPSTREAM_A");
  });
});
