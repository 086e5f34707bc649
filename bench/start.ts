/**
 * How fast the program is there, and what it holds: `heddle --help`, and `heddle proxy` from its snapshot on disk with the
 * control plane dead, from the start of the process to the first answer of the app. Run: `npm run bench -- start [rounds]`.
 */
import { fork, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { renderTable } from "../cli/output/table.ts";
import { packageRoot } from "../shared/package-root.ts";
import { spreadOf } from "./figures/spread.ts";
import { cpuUsOf, rssKbOf } from "./figures/process-tree.ts";
import { answering } from "./peers/answering.ts";
import { nextMessage } from "./peers/child-message.ts";
import { apply, heddle, portOf, proxyArguments } from "./peers/heddle.ts";
import { DIRECT_SERVICE } from "./peers/peer.ts";
import { pause } from "./peers/program.ts";

/** Long enough for what a start leaves behind to be collected. */
const IDLE_MS = 15_000;

const rounds = Number(process.argv[2] ?? 7);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error("bench: start takes the number of rounds, for example: npm run bench -- start 7");
  process.exit(64);
}
const folder = mkdtempSync(join(tmpdir(), "heddle-start-"));
const upstream = fork(join(import.meta.dirname, "load", "upstream.ts"), [], {
  stdio: ["ignore", "inherit", "inherit", "ipc"],
});

interface Started {
  readonly readyMs: number;
  readonly answeredMs: number;
  readonly cpuMs: number;
}

function helpMs(): number {
  const startMs = performance.now();
  const { status } = spawnSync(process.execPath, [join(packageRoot, "cli", "heddle.mjs"), "--help"]);
  if (status !== 0) throw new Error(`heddle --help ended with ${status}`);
  return performance.now() - startMs;
}

/** A proxy on the state folder of the first one; with `look` it is left alone for a while and then weighed. */
async function startProxy(xds: string, look?: (pid: number) => void): Promise<Started> {
  const file = join(folder, "proxy.json");
  rmSync(file, { force: true });
  const flags = ["--service", "web", "--ready-file", file, "--log-level", "error"];
  const startMs = performance.now();
  const proxy = heddle(proxyArguments({ folder }, "caller", xds, flags));
  try {
    const addresses = await proxy.ready(file);
    const readyMs = performance.now() - startMs;
    await answering({ port: portOf(addresses["outbound"]), authority: DIRECT_SERVICE });
    const started = { readyMs, answeredMs: performance.now() - startMs, cpuMs: cpuUsOf([proxy.pid]) / 1_000 };
    if (look !== undefined) {
      await pause(IDLE_MS);
      look(proxy.pid);
    }
    return started;
  } finally {
    await proxy.stop();
  }
}

async function withControlPlane<T>(use: (xds: string) => Promise<T>): Promise<T> {
  // Both ports come in one message of bench/load/upstream.ts.
  const { ports } = await nextMessage<{ ports: [number, number] }>(upstream);
  const file = join(folder, "control-plane.json");
  const local = ["--xds", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
  const db = ["--db", join(folder, "heddle.db")];
  const control = heddle(["control-plane", ...db, ...local, "--ready-file", file, "--log-level", "error"]);
  try {
    const { admin = "", xds = "" } = await control.ready(file);
    await apply({ folder, v1Port: ports[0], v2Port: ports[1] }, admin);
    return await use(xds);
  } finally {
    await control.stop();
  }
}

async function main(): Promise<void> {
  let idleMb = 0;
  const xds = await withControlPlane(async (address) => {
    await startProxy(address, (pid) => (idleMb = rssKbOf([pid]) / 1024));
    return address;
  });
  if (!existsSync(join(folder, "state-caller"))) throw new Error("the proxy kept no snapshot");
  const started: Started[] = [];
  const help: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    started.push(await startProxy(xds));
    help.push(helpMs());
  }
  const row = (title: string, values: readonly number[]): [string, string] => {
    const { min, median, max } = spreadOf(values);
    return [title, `${median.toFixed(0)}  (${min.toFixed(0)} .. ${max.toFixed(0)})`];
  };
  const rows = [
    row(
      "heddle proxy, control plane dead: ready file, ms",
      started.map(({ readyMs }) => readyMs),
    ),
    row(
      "heddle proxy, control plane dead: first answer, ms",
      started.map(({ answeredMs }) => answeredMs),
    ),
    row(
      "  of which CPU, ms",
      started.map(({ cpuMs }) => cpuMs),
    ),
    row("heddle --help, ms", help),
    [`idle proxy after ${IDLE_MS / 1_000} s, 20 services: RSS, MB`, idleMb.toFixed(1)],
  ] as const;
  const load = readFileSync("/proc/loadavg", "utf8").split(" ")[0];
  console.log(`${rounds} rounds, Node ${process.version}, load average ${load}; median (least .. most)`);
  const columns = [
    { header: "WHAT", text: ([title]: readonly [string, string]) => title },
    { header: "VALUE", text: ([, value]: readonly [string, string]) => value },
  ];
  process.stdout.write(renderTable(columns, rows));
}

try {
  await main();
} finally {
  upstream.kill();
  rmSync(folder, { recursive: true, force: true });
}
