/**
 * What policies cost a request: CPU of the real proxy per small GET, with none, with the defaults, with all. One proxy for
 * each set, started from a snapshot on disk; interleaved rounds. Run: `npm run bench -- policies [rounds] [seconds]`.
 * Result: a table, and bench/results/policies.json.
 */
import { fork } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { paintFor } from "../cli/output/paint.ts";
import { renderTable } from "../cli/output/table.ts";
import { cpuUsOf } from "./figures/process-tree.ts";
import { machineFacts } from "./figures/machine.ts";
import { writeResult, type Row } from "./figures/result.ts";
import { pairedRatio, spreadOf } from "./figures/spread.ts";
import { targetTable, verdictOf } from "./figures/target-table.ts";
import { LoadGenerator } from "./load/load-generator.ts";
import { answering } from "./peers/answering.ts";
import { nextMessage } from "./peers/child-message.ts";
import { heddle, portOf, proxyArguments } from "./peers/heddle.ts";
import { DIRECT_SERVICE } from "./peers/peer.ts";
import type { Program } from "./peers/program.ts";
import { POLICY_SETS } from "./policies/policy-sets.ts";
import { snapshotFile } from "./policies/policy-snapshot.ts";

const CONNECTIONS = 32;
/** The request path with all policies costs at most so much of the one without any. */
const RATIO_MAX = 1.25;
/** Nobody listens there: the proxies live from their disk. */
const NO_CONTROL_PLANE = "127.0.0.1:1";

const [rounds = 7, seconds = 1.5] = process.argv.slice(2).map(Number);
if (!Number.isInteger(rounds) || rounds < 1 || !(seconds > 0)) {
  console.error("bench: policies takes rounds and seconds, for example: npm run bench -- policies 7 1.5");
  process.exit(64);
}

interface Contender {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly cpuUs: number[];
  readonly rates: number[];
}

const folder = mkdtempSync(join(tmpdir(), "heddle-policies-"));
const programs: Program[] = [];
const generator = new LoadGenerator();
const upstream = fork(join(import.meta.dirname, "load", "upstream.ts"), [], {
  stdio: ["ignore", "inherit", "inherit", "ipc"],
});

async function start(name: string, file: Buffer): Promise<Contender> {
  const id = name.replaceAll(/[^a-z]+/g, "-");
  const state = join(folder, `state-${id}`); // as proxyArguments names it
  mkdirSync(state);
  writeFileSync(join(state, "snapshot"), file);
  const ready = join(folder, `${id}.json`);
  const flags = ["--service", "web", "--ready-file", ready, "--log-level", "error"];
  const program = heddle(proxyArguments({ folder }, id, NO_CONTROL_PLANE, flags));
  programs.push(program);
  const { outbound } = await program.ready(ready);
  const contender = { name, port: portOf(outbound), pid: program.pid, cpuUs: [], rates: [] };
  await answering({ port: contender.port, authority: DIRECT_SERVICE });
  return contender;
}

async function load({ port }: Contender): Promise<{ readonly requests: number; readonly elapsedMs: number }> {
  return generator.run({
    kind: "closed",
    shape: "get",
    connections: CONNECTIONS,
    seconds,
    port,
    authority: DIRECT_SERVICE,
  });
}

async function round(contender: Contender): Promise<void> {
  const beforeUs = cpuUsOf([contender.pid]);
  const { requests, elapsedMs } = await load(contender);
  contender.cpuUs.push((cpuUsOf([contender.pid]) - beforeUs) / requests);
  contender.rates.push((requests * 1_000) / elapsedMs);
}

function report(contenders: readonly Contender[]): void {
  const none = contenders.find(({ name }) => name === "none")?.cpuUs ?? [];
  const number = (value: number): string => value.toFixed(1);
  const table = renderTable<Contender>(
    [
      { header: "POLICIES", text: ({ name }) => name },
      { header: "CPU us, LEAST", align: "right", text: ({ cpuUs }) => number(spreadOf(cpuUs).min) },
      { header: "MEDIAN", align: "right", text: ({ cpuUs }) => number(spreadOf(cpuUs).median) },
      { header: "MOST", align: "right", text: ({ cpuUs }) => number(spreadOf(cpuUs).max) },
      { header: "OF NONE", align: "right", text: ({ cpuUs }) => `${pairedRatio(cpuUs, none).toFixed(2)}x` },
      { header: "REQUESTS/s", align: "right", text: ({ rates }) => spreadOf(rates).median.toFixed(0) },
    ],
    contenders,
  );
  const all = contenders.find(({ name }) => name === "all")?.cpuUs ?? [];
  const value = pairedRatio(all, none);
  const target = { title: "small GET, CPU with all policies of none", value, max: RATIO_MAX, unit: "x" };
  console.log(
    `CPU of the proxy per small GET: ${rounds} rounds of ${seconds} s, interleaved; ${CONNECTIONS} connections`,
  );
  process.stdout.write(
    `${table}\n${targetTable([{ ...target, verdict: verdictOf(value, RATIO_MAX) }], paintFor(false))}`,
  );
}

async function main(): Promise<void> {
  const startedAt = new Date();
  const machine = machineFacts();
  const { ports } = await nextMessage<{ ports: [number, number] }>(upstream);
  const contenders: Contender[] = [];
  for (const set of POLICY_SETS) contenders.push(await start(set.name, snapshotFile(set, ports[0])));
  for (const contender of contenders) await load(contender);
  for (let number = 0; number < rounds; number += 1) for (const contender of contenders) await round(contender);
  report(contenders);
  const rows = contenders.map(({ name, cpuUs, rates }): Row => ({
    case: "get",
    peer: name,
    figures: { cpuUsPerRequest: cpuUs, requestsPerSecond: rates },
    invalid: [],
  }));
  const path = writeResult("policies", {
    command: ["npm run bench -- policies", ...process.argv.slice(2)].join(" "),
    startedAt: startedAt.toISOString(),
    elapsedSeconds: Math.round((Date.now() - startedAt.getTime()) / 1_000),
    machine,
    setup: { rounds, seconds, connections: CONNECTIONS },
    peers: Object.fromEntries(contenders.map(({ name }) => [name, `Node ${process.version}`])),
    absent: {},
    rows,
  });
  console.log(`\nWritten to ${path}`);
}

try {
  await main();
} finally {
  await Promise.all(programs.map((program) => program.stop()));
  generator.stop();
  upstream.kill();
  rmSync(folder, { recursive: true, force: true });
}
