// npm run chaos [-- static --seed N --rounds N --rate N] | npm run chaos -- store [--cycles N]
// npm run chaos -- leak [--requests N --aborted N] | npm run chaos -- stalled-readers [--readers N]
// npm run chaos -- hung-replica [--rate N] | npm run chaos -- stories
// npm run chaos -- overload [--connections N --neighbours N --seconds N --rounds N --peer heddle-caller|envoy]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { parseArgs } from "node:util";

import { renderTable } from "../../cli/output/table.ts";
import { runHungReplica } from "./hung-replica.ts";
import { OVERLOAD_PEERS, runOverload } from "./overload.ts";
import { runLeak, type Count } from "./leak.ts";
import { runStalledReaders } from "./stalled-readers.ts";
import { runStaticStability } from "./static-stability.ts";
import { runStoreCrash } from "./store-crash.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    rounds: { type: "string", default: "5" },
    rate: { type: "string", default: "300" },
    cycles: { type: "string", default: "500" },
    requests: { type: "string", default: "1000000" },
    aborted: { type: "string", default: "100000" },
    connections: { type: "string", default: "4000" },
    neighbours: { type: "string", default: "4" },
    peer: { type: "string", default: "heddle" },
    seconds: { type: "string", default: "20" },
    readers: { type: "string", default: "1000" },
  },
});
const seed = Number(values.seed);

async function staticStability(): Promise<boolean> {
  const rate = Number(values.rate);
  console.log(`seed ${seed}: ${values.rounds} rounds at ${rate} requests/s`);
  const verdict = await runStaticStability({
    seed,
    rate,
    rounds: Number(values.rounds),
    phaseRequests: rate * 4,
    herd: 50,
    forgetSnapshots: false,
    onPhase: (name) => console.log(`  ${(performance.now() / 1000).toFixed(1).padStart(7)} s  ${name}`),
  });
  const { failures, excused, unseen, doubled, lastWords, ...rest } = verdict;
  console.log({ ...rest, failed: failures.length, unseen: unseen.length, doubled: doubled.length });
  for (const failure of excused) console.log("under way on the killed instance:", failure);
  for (const failure of failures.slice(0, 50)) console.log(failure);
  const good = failures.length + unseen.length + doubled.length === 0;
  if (!good) console.log(lastWords);
  return good;
}

async function storeCrash(): Promise<boolean> {
  const cycles = Number(values.cycles);
  console.log(`seed ${seed}: ${cycles} times kill -9 in a write storm`);
  const verdict = await runStoreCrash(cycles, seed);
  console.log(verdict);
  return verdict.failures.length === 0;
}

async function leak(): Promise<boolean> {
  const [requests, aborted] = [Number(values.requests), Number(values.aborted)];
  console.log(`seed ${seed}: ${requests} requests, ${aborted} aborted ones`);
  const onCount = ({ requests: finished }: Count): void => console.log(`  ${finished} finished`);
  const { counts, ...verdict } = await runLeak({ seed, requests, aborted, parts: 10, onCount });
  const names = Object.keys(counts[0] ?? {}) as (keyof Count)[];
  const columns = names.map((name) => ({
    header: name,
    text: (count: Count) => String(count[name]),
    align: "right" as const,
  }));
  process.stdout.write(renderTable(columns, counts));
  console.log(verdict);
  return verdict.failures.length === 0;
}

async function stalledReaders(): Promise<boolean> {
  const verdict = await runStalledReaders({
    readers: Number(values.readers),
    bodyBytes: 100 * 1024 * 1024,
    untilCut: true,
    onPhase: (name) => console.log(`  ${name}`),
  });
  console.log(verdict);
  return verdict.failures.length === 0;
}

async function hungReplica(): Promise<boolean> {
  const rate = Number(values.rate);
  const onPhase = (name: string): void => console.log(`  ${name}`);
  const { failures, lastWords, ...verdict } = await runHungReplica({
    rate,
    phaseRequests: rate * 3,
    isOff: false,
    onPhase,
  });
  console.log({ ...verdict, failed: failures.length });
  const good = failures.length === 0 && verdict.attempts.after === 0 && verdict.attempts.again > 0;
  if (!good) console.log(failures.slice(0, 50), lastWords);
  return good;
}

async function overload(): Promise<boolean> {
  const peer = OVERLOAD_PEERS.find((known) => known === values.peer);
  if (peer === undefined) throw new Error(`--peer is one of ${OVERLOAD_PEERS.join(", ")}, not "${values.peer}"`);
  const verdict = await runOverload({
    peer,
    connections: Number(values.connections),
    neighbours: Number(values.neighbours),
    seconds: Number(values.seconds),
    rounds: Number(values.rounds),
    onPhase: (text) => console.log(`  ${text}`),
  });
  console.log(verdict);
  return verdict.failures.length === 0;
}

/** The stories of the suite at full rate and length, one after the other: each has the machine for itself. */
async function stories(): Promise<boolean> {
  const files = globSync("test/stories/*.test.ts").sort();
  const args = ["--test", "--test-concurrency=1", ...files];
  const child = spawn(process.execPath, args, {
    stdio: "inherit",
    env: { ...process.env, HEDDLE_STORIES: "long" },
  });
  const [code] = await once(child, "exit");
  return code === 0;
}

const suites: Readonly<Record<string, () => Promise<boolean>>> = {
  static: staticStability,
  store: storeCrash,
  leak,
  "stalled-readers": stalledReaders,
  "hung-replica": hungReplica,
  overload,
  stories,
};
const [which = "static"] = positionals;
const suite = suites[which];
if (suite === undefined) {
  console.error(`unknown chaos "${which}": there are ${Object.keys(suites).join(", ")}`);
  process.exitCode = 64;
} else {
  process.exitCode = (await suite()) ? 0 : 1;
}
