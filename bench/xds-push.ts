/**
 * How fast one edit at the admin API reaches every connected proxy, and what that costs the control plane.
 *
 *     node bench/xds-push.ts [--streams 1000] [--services 20] [--endpoints 10] [--edits 20] [--restart] [--save] [--profile DIR]
 *
 * The control plane runs on one core and a swarm of light clients, each with its own TCP connection, on the other. The
 * edit is of one endpoint's weight; the time is from the call at the admin API to the receipt by each client. `--save` puts
 * the figures into results/xds-push.json, in place of those of the same setup.
 */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { credentials } from "@grpc/grpc-js";

import { packageRoot } from "../shared/package-root.ts";
import {
  ApplyBundleRequest,
  ApplyServiceEndpointRequest,
  MeshClient,
  ServiceEndpoint,
  ServiceEndpointsClient,
} from "../shared/wire/admin-api.ts";
import { machineFacts, type Machine } from "./figures/machine.ts";
import { monotonicMs, type SwarmCommand, type SwarmReport } from "./xds/swarm.ts";

const { values: flags } = parseArgs({
  options: {
    streams: { type: "string", default: "1000" },
    services: { type: "string", default: "20" },
    endpoints: { type: "string", default: "10" },
    edits: { type: "string", default: "20" },
    restart: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    profile: { type: "string" },
  },
});
const [streams, services, endpoints, edits] = [flags.streams, flags.services, flags.endpoints, flags.edits].map(Number);
const machine = machineFacts();
const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));

interface Running {
  readonly process: ChildProcess;
  readonly xds: string;
  readonly admin: string;
}

async function startControlPlane(xds: string): Promise<Running> {
  const ready = join(folder, "ready");
  rmSync(ready, { force: true });
  const profile = flags.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${flags.profile}`];
  const entry = join(packageRoot, "control-plane/main.ts");
  const args = ["--db", join(folder, "heddle.db"), "--xds", xds, "--admin", "127.0.0.1:0", "--ready-file", ready];
  const child = spawn("taskset", ["-c", "0", process.execPath, ...profile, entry, ...args, "--log-level", "error"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  while (!existsSync(ready)) await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { process: child, ...(JSON.parse(readFileSync(ready, "utf8")) as { xds: string; admin: string }) };
}

function cpuMs(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  // utime and stime in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function rssKb(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function endpointRow(service: number, endpoint: number, weight: number): ServiceEndpoint {
  return ServiceEndpoint.fromPartial({
    serviceName: `svc-${service}`,
    podIp: `10.${service >> 8}.${service & 255}.${endpoint + 1}`,
    port: 8080,
    weight,
  });
}

async function fill(admin: string): Promise<void> {
  const mesh = new MeshClient(admin, credentials.createInsecure());
  const rows = Array.from({ length: services ?? 0 }, (_, service) =>
    Array.from({ length: endpoints ?? 0 }, (_, endpoint) => endpointRow(service, endpoint, 1)),
  ).flat();
  for (let start = 0; start < rows.length; start += 5_000) {
    const resources = rows.slice(start, start + 5_000);
    const request = ApplyBundleRequest.fromPartial({
      resources: resources.map((value) => ({ kind: { $case: "serviceEndpoint", value } })),
    });
    await new Promise<void>((resolve, reject) =>
      mesh.applyBundle(request, (error) => (error === null ? resolve() : reject(error))),
    );
  }
  mesh.close();
}

const swarm = fork(join(packageRoot, "bench/xds/swarm.ts"), { execArgv: ["--max-old-space-size=8192"] });
spawn("taskset", ["-cp", "1", String(swarm.pid)], { stdio: "ignore" });
swarm.on("message", (report: SwarmReport) => {
  if (report.kind !== "lost") return;
  process.stderr.write(`a client lost its stream: ${report.reason}\n`);
  process.exitCode = 1;
  swarm.kill();
  control.process.kill("SIGKILL");
});

function tell(command: SwarmCommand): void {
  swarm.send(command);
}

async function reportOf<K extends SwarmReport["kind"]>(kind: K): Promise<Extract<SwarmReport, { kind: K }>> {
  for (;;) {
    const [report] = (await once(swarm, "message")) as [SwarmReport];
    if (report.kind === kind) return report as Extract<SwarmReport, { kind: K }>;
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function measureEdits(control: Running): Promise<void> {
  const client = new ServiceEndpointsClient(control.admin, credentials.createInsecure());
  const all: number[] = [];
  const lasts: number[] = [];
  let [cpu, swarmCpu] = [0, 0];
  for (let edit = 0; edit < (edits ?? 0); edit += 1) {
    tell({ kind: "expect", type: "endpoints" });
    await pause(50);
    const received = reportOf("received");
    const request = ApplyServiceEndpointRequest.fromPartial({
      serviceEndpoint: endpointRow(edit % (services ?? 1), 0, 2 + edit),
    });
    const cpuBefore = cpuMs(control.process.pid);
    const swarmBefore = cpuMs(swarm.pid);
    const startMs = monotonicMs();
    client.apply(request, (error) => {
      if (error !== null) throw error;
    });
    const latencies = (await received).atMs.map((atMs) => atMs - startMs).sort((a, b) => a - b);
    // The acknowledgements belong to the edit's cost as well.
    await pause(300);
    cpu += cpuMs(control.process.pid) - cpuBefore;
    swarmCpu += cpuMs(swarm.pid) - swarmBefore;
    all.push(...latencies);
    lasts.push(latencies.at(-1) ?? Number.NaN);
  }
  client.close();
  const sorted = all.sort((a, b) => a - b);
  const worst = lasts.sort((a, b) => a - b);
  const times = (edits ?? 1) * (streams ?? 1);
  print(
    "receipt first / p50 / p99 / max, ms",
    [0, 0.5, 0.99, 1].map((share) => quantile(sorted, share)),
  );
  print("last stream, median of edits, ms", [quantile(worst, 0.5)]);
  print("CPU per stream and edit, ms", [cpu / times], 4);
  print("the swarm's own CPU, ms", [swarmCpu / times], 4);
}

const figures: Record<string, readonly number[]> = {};

function print(name: string, values: readonly number[], digits = 0): void {
  const texts = values.map((value) => value.toFixed(digits));
  figures[name] = texts.map(Number);
  process.stdout.write(`  ${name.padEnd(40)} ${texts.join(" / ")}\n`);
}

interface Run {
  readonly setup: Readonly<Record<string, number | undefined>>;
  readonly machine: Machine;
  readonly figures: Readonly<Record<string, readonly number[]>>;
}

function save(run: Run): void {
  const file = join(packageRoot, "bench/results/xds-push.json");
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { runs: Run[] }).runs : [];
  const others = before.filter(({ setup }) => JSON.stringify(setup) !== JSON.stringify(run.setup));
  writeFileSync(file, `${JSON.stringify({ runs: [...others, run] }, undefined, 1)}\n`);
}

process.stdout.write(`${streams} streams, ${services} services x ${endpoints} endpoints, ${edits} edits\n`);
let control = await startControlPlane("127.0.0.1:0");
await fill(control.admin);
await pause(500);
const rssBefore = rssKb(control.process.pid);
const names = Array.from({ length: services ?? 0 }, (_, service) => `svc-${service}`);
const connectMs = monotonicMs();
tell({ kind: "connect", address: control.xds, streams: streams ?? 0, names });
await reportOf("ready");
print("all connected and current after, s", [(monotonicMs() - connectMs) / 1000], 2);
await pause(3_000);
const perStream = (rssKb(control.process.pid) - rssBefore) / (streams ?? 1);
print("RSS per idle stream, KB", [perStream], 1);
await measureEdits(control);
print("RSS per stream after the edits, KB", [(rssKb(control.process.pid) - rssBefore) / (streams ?? 1)], 1);
if (flags.restart) {
  tell({ kind: "close" });
  await reportOf("ready");
  control.process.kill("SIGKILL");
  await once(control.process, "exit");
  const startMs = monotonicMs();
  control = await startControlPlane(control.xds);
  tell({ kind: "connect", address: control.xds, streams: streams ?? 0, names });
  await reportOf("ready");
  print("restart: start to all current, s", [(monotonicMs() - startMs) / 1000], 2);
}
tell({ kind: "close" });
await reportOf("ready");
swarm.kill();
control.process.kill("SIGTERM");
await once(control.process, "exit");
rmSync(folder, { recursive: true, force: true });
if (flags.save) save({ setup: { streams, services, endpoints }, machine, figures });
