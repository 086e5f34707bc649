import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { availableParallelism } from "node:os";

import type { Address } from "../../shared/address.ts";
import { Child } from "./child.ts";
import { Crowd, type CrowdAnswer } from "./crowd.ts";
import { LoneCaller, roomFlags } from "./lone-caller.ts";
import { LoneEnvoy } from "./lone-envoy.ts";
import { LoneProxy } from "./lone-proxy.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const WARM_UP_RATE = 1_000;
const WARM_UP_SEC = 8;
/** As many as keep a proxy busy, and each other not waiting for long. */
const CAPACITY_CLIENTS = 64;
const CAPACITY_SEC = 8;
const OVER = 3;
const GOODPUT_MIN = 0.8;
const RECOVERY_SEC = 5;
const BUSY = "const end = Date.now() + 300_000; while (Date.now() < end);";

export const OVERLOAD_PEERS = ["heddle", "heddle-caller", "envoy"] as const;
export type OverloadPeer = (typeof OVERLOAD_PEERS)[number];

interface Measured {
  readonly address: Address;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface OverloadOptions {
  /** Whose proxy it is: of the service that is called, of the app that calls it, or an Envoy of the service. */
  readonly peer: OverloadPeer;
  /** Clients, each with a kept-alive connection. */
  readonly connections: number;
  /** Other programs that want the proxy's core all the time. With them it, not the crowd's process, is what is overloaded. */
  readonly neighbours: number;
  /** Of one crowd. */
  readonly seconds: number;
  /** How many crowds come, one after the other. */
  readonly rounds: number;
  readonly onPhase: (text: string) => void;
}

export interface OverloadVerdict {
  /**
   * Good answers per second while requests came at three times the peak, as a share of it: the median of all rounds. The peak
   * is what clients get that call without a pause, the mean of before a crowd and after it.
   */
  readonly goodput: number;
  readonly goodputs: readonly number[];
  readonly refused: number;
  /** Seconds after the crowd until all that was due in a second was answered with 200: the longest of all rounds. */
  readonly recoverySec: number;
  readonly failures: readonly string[];
}

/**
 * One proxy with a core of its own, which it shares with busy neighbours, in front of an app that is quick; and a crowd that
 * asks three times as much of it as it can do, without asking how it is.
 */
export async function runOverload(options: OverloadOptions): Promise<OverloadVerdict> {
  if (availableParallelism() < 2) throw new Error("needs two cores: one for the proxy, one for the crowd and the app");
  const app = createServer((socket) => {
    socket.setNoDelay(true).on("error", () => undefined);
    socket.on("data", () => socket.write(OK));
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  const proxy = await start(options.peer, (app.address() as AddressInfo).port, 2 * options.connections);
  const neighbours: Child[] = [];
  try {
    const crowd = await Crowd.of(options.connections, proxy.address);
    pin(process.pid, 1);
    pin(proxy.pid, 0);
    // Every connection has its first request before the proxy gives it up, modules are loaded, code is compiled.
    await crowd.call(WARM_UP_RATE, options.connections / WARM_UP_RATE);
    await crowd.capacity(CAPACITY_CLIENTS, WARM_UP_SEC);
    for (let count = 0; count < options.neighbours; count += 1) {
      const neighbour = new Child("neighbour", ["-e", BUSY]);
      neighbours.push(neighbour);
      pin(neighbour.pid, 0);
    }
    const verdict = await measure(crowd, options);
    crowd.close();
    return verdict;
  } finally {
    await Promise.all(neighbours.map((neighbour) => neighbour.kill()));
    await proxy.stop();
    app.close();
  }
}

async function start(peer: OverloadPeer, appPort: number, room: number): Promise<Measured> {
  const proxy = peer === "heddle" ? new LoneProxy() : peer === "envoy" ? new LoneEnvoy() : new LoneCaller();
  try {
    if (proxy instanceof LoneProxy) await proxy.start(appPort, roomFlags(room));
    else await proxy.start(appPort, room);
  } catch (error) {
    await proxy.stop();
    throw error;
  }
  const address = proxy instanceof LoneProxy ? proxy.inbound : proxy.address;
  return { address, pid: proxy.pid, stop: () => proxy.stop() };
}

/** A machine changes its speed while this runs: what the proxy can do is asked on both sides of each crowd. */
async function measure(crowd: Crowd, { seconds, rounds, onPhase }: OverloadOptions): Promise<OverloadVerdict> {
  const done: Round[] = [];
  let peak = await peakOf(crowd, onPhase);
  for (let round = 0; round < rounds; round += 1) {
    const over = await crowd.call(OVER * peak, seconds);
    onPhase(`${(OVER * peak).toFixed(0)}/s: ${summary(over, seconds)}`);
    const after = await crowd.call(peak / 2, RECOVERY_SEC + 1);
    onPhase(`${(peak / 2).toFixed(0)}/s: ${summary(after, RECOVERY_SEC + 1)}`);
    const again = await peakOf(crowd, onPhase);
    done.push({ over, goodput: (2 * goodRate(over, seconds)) / (peak + again), recoverySec: lastBadSecond(after) });
    peak = again;
  }
  return verdictOf(done);
}

interface Round {
  readonly over: readonly CrowdAnswer[];
  readonly goodput: number;
  readonly recoverySec: number;
}

async function peakOf(crowd: Crowd, onPhase: OverloadOptions["onPhase"]): Promise<number> {
  const peak = await crowd.capacity(CAPACITY_CLIENTS, CAPACITY_SEC);
  onPhase(`without a pause from ${CAPACITY_CLIENTS} clients: ${peak.toFixed(0)}/s`);
  return peak;
}

function verdictOf(rounds: readonly Round[]): OverloadVerdict {
  const goodputs = rounds.map(({ goodput }) => goodput);
  const goodput = goodputs.toSorted((one, other) => one - other)[Math.floor(goodputs.length / 2)] ?? 0;
  const recoverySec = Math.max(...rounds.map((round) => round.recoverySec));
  const answers = rounds.flatMap(({ over }) => over);
  const failures = [
    ...(goodput < GOODPUT_MIN ? [`goodput ${(100 * goodput).toFixed(0)} % of the peak`] : []),
    ...(recoverySec > RECOVERY_SEC ? [`not well ${recoverySec} s after the crowd`] : []),
    ...(answers.some(({ status }) => status !== 200 && status !== 503) ? ["answers that are neither 200 nor 503"] : []),
  ];
  const refused = answers.filter(({ status }) => status === 503).length;
  return { goodput, goodputs, refused, recoverySec, failures };
}

/** Good answers per second that came while requests came: what the proxy did afterwards is no merit of it. */
function goodRate(answers: readonly CrowdAnswer[], seconds: number): number {
  const endMs = firstDueMs(answers) + 1_000 * seconds;
  return (
    answers.filter(({ status, dueMs, latencyMs }) => status === 200 && dueMs + latencyMs <= endMs).length / seconds
  );
}

function lastBadSecond(answers: readonly CrowdAnswer[]): number {
  const startMs = firstDueMs(answers);
  const bad = answers.filter(({ status }) => status !== 200);
  return bad.reduce((last, { dueMs }) => Math.max(last, Math.ceil((dueMs - startMs) / 1_000)), 0);
}

function firstDueMs(answers: readonly CrowdAnswer[]): number {
  return answers.reduce((first, { dueMs }) => Math.min(first, dueMs), Infinity);
}

function summary(answers: readonly CrowdAnswer[], seconds: number): string {
  const of = (wanted: number): string => {
    const found = answers.filter(({ status }) => status === wanted).map(({ waitedMs }) => waitedMs);
    found.sort((one, other) => one - other);
    const at = (share: number): string => (found[Math.floor(share * (found.length - 1))] ?? 0).toFixed(0);
    return `${found.length} x ${wanted}${found.length === 0 ? "" : ` (p50 ${at(0.5)}, p99 ${at(0.99)} ms)`}`;
  };
  const others = answers.filter(({ status }) => status !== 200 && status !== 503);
  const rest = [...new Set(others.map(({ status }) => status))].map((status) => `, ${of(status)}`).join("");
  return `${of(200)}, ${of(503)}${rest}; ${goodRate(answers, seconds).toFixed(0)} good answers a second`;
}

/** Holds all threads of a process on one core (util-linux). */
function pin(pid: number, core: number): void {
  execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", String(core), String(pid)], { stdio: "ignore" });
}
