/**
 * CPU microseconds per request of one hop: our outbound proxy beside a minimal node:http proxy, and haproxy when it is on
 * PATH. One upstream for all, closed loop of 32 connections, interleaved rounds, CPU time from /proc/<pid>/stat of the
 * proxy's process: rates would measure the neighbours on a shared machine.
 *
 * Run: `node bench/hop.ts [rounds] [requests per round]`. Result: a table, and JSON below bench/results/.
 */

import { fork, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

const CONNECTIONS = 32;
const rounds = Number(process.argv[2] ?? 7);
const requests = Number(process.argv[3] ?? 30_000);
const here = import.meta.dirname;

interface Contender {
  readonly name: string;
  readonly process: ChildProcess;
  readonly port: number;
  readonly cpuUs: number[];
  readonly rates: number[];
}

const running: ChildProcess[] = [];

function message(child: ChildProcess): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`${child.spawnargs.join(" ")} ended with ${code}`));
    child.once("exit", onExit);
    child.once("message", (value) => {
      child.off("exit", onExit);
      resolve(value as Record<string, unknown>);
    });
  });
}

async function forked(
  file: string,
  args: readonly string[],
  flags: readonly string[] = [],
): Promise<[ChildProcess, number]> {
  const child = fork(join(here, "hop", file), args, {
    execArgv: [...flags],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  running.push(child);
  return [child, Number((await message(child))["port"])];
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function haproxy(upstreamPort: number, folder: string): Promise<[ChildProcess, number] | undefined> {
  if (spawnSync("haproxy", ["-v"]).status !== 0) return undefined;
  const port = await freePort();
  const file = join(folder, "haproxy.cfg");
  const text = [
    "global\n  nbthread 1\n  maxconn 1000",
    "defaults\n  mode http\n  timeout connect 1s\n  timeout client 60s\n  timeout server 60s\n  http-reuse always",
    `frontend f\n  bind 127.0.0.1:${port}\n  default_backend b`,
    `backend b\n  server s 127.0.0.1:${upstreamPort}\n`,
  ];
  writeFileSync(file, text.join("\n"));
  const child = spawn("haproxy", ["-f", file, "-db"], { stdio: "inherit" });
  running.push(child);
  for (let tries = 0; tries < 50; tries += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer?.ok === true) return [child, port];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return undefined;
}

/** User and system time of a process with all its threads, in clock ticks of 10 ms. */
function cpuTicks(child: ChildProcess): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function load(generator: ChildProcess, port: number, count: number): Promise<number> {
  generator.send({ port, requests: count, connections: CONNECTIONS });
  const answer = await message(generator);
  if (answer["error"] !== undefined) throw new Error(`port ${port}: ${JSON.stringify(answer["error"])}`);
  return Number(answer["elapsedMs"]);
}

async function round(generator: ChildProcess, contender: Contender): Promise<void> {
  const before = cpuTicks(contender.process);
  const elapsedMs = await load(generator, contender.port, requests);
  contender.cpuUs.push(((cpuTicks(contender.process) - before) * 10_000) / requests);
  contender.rates.push(requests / (elapsedMs / 1_000));
}

function spread(values: readonly number[]): { min: number; median: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return { min: sorted[0] ?? 0, median: sorted[sorted.length >> 1] ?? 0, max: sorted.at(-1) ?? 0 };
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "heddle-hop-"));
  const [, upstreamPort] = await forked("upstream.ts", []);
  const [generator] = await forked("load.ts", []);
  const contenders: Contender[] = [];
  const add = (name: string, [process, port]: [ChildProcess, number]): number =>
    contenders.push({ name, process, port, cpuUs: [], rates: [] });
  add("heddle", await forked("heddle-proxy.ts", [String(upstreamPort)], ["--max-semi-space-size=64"]));
  add("node:http", await forked("node-http-proxy.ts", [String(upstreamPort)], ["--max-semi-space-size=64"]));
  const other = await haproxy(upstreamPort, folder);
  if (other !== undefined) add("haproxy", other);

  for (const { name, port } of contenders) console.log(`${name} on port ${port}`);
  for (const contender of contenders) await load(generator, contender.port, requests);
  for (let index = 0; index < rounds; index += 1) for (const contender of contenders) await round(generator, contender);

  const baseline = spread(contenders.find(({ name }) => name === "node:http")?.cpuUs ?? []).median;
  const results = contenders.map(({ name, cpuUs, rates }) => ({
    name,
    cpuUsPerRequest: spread(cpuUs),
    requestsPerSecond: spread(rates),
    ratioToNodeHttp: spread(cpuUs).median / baseline,
  }));
  const machine = { node: process.version, cpu: cpus()[0]?.model ?? "", cores: cpus().length };
  const setup = { connections: CONNECTIONS, rounds, requests };
  mkdirSync(join(here, "results"), { recursive: true });
  writeFileSync(join(here, "results", "hop.json"), `${JSON.stringify({ machine, setup, results }, undefined, 2)}\n`);
  console.log(
    `CPU us per small GET: ${rounds} rounds of ${requests}, ${CONNECTIONS} connections, Node ${process.version}`,
  );
  console.log("proxy       min  median     max   of node:http   requests/s");
  for (const { name, cpuUsPerRequest: cpu, ratioToNodeHttp, requestsPerSecond } of results) {
    const numbers = [cpu.min, cpu.median, cpu.max].map((us) => us.toFixed(1).padStart(7)).join(" ");
    console.log(
      `${name.padEnd(9)} ${numbers}   ${ratioToNodeHttp.toFixed(2).padStart(12)}   ${requestsPerSecond.median.toFixed(0).padStart(10)}`,
    );
  }
  rmSync(folder, { recursive: true });
}

try {
  await main();
} finally {
  for (const child of running) child.kill();
}
