import { MessageChannel } from "node:worker_threads";

import type { Address } from "../../shared/address.ts";
import { fullJitterMs } from "../../shared/backoff.ts";
import type { Clock } from "../../shared/clock.ts";
import {
  WORKER_ANSWER_MS,
  WORKER_LIVED_MS,
  WORKER_RESTART_MAX_MS,
  WORKER_RESTART_MIN_MS,
  WORKER_SILENCE_MS,
  WORKER_STOP_MS,
  WORKER_SWAP_MS,
  WORKER_WATCH_MS,
} from "../../shared/defaults.ts";
import type { Logger } from "../../shared/log.ts";
import type { Random } from "../../shared/random.ts";
import type { Timer, Timers } from "../../shared/timers.ts";
import type { ProxyConfig } from "../config.ts";
import type { ListenerSpec, Side } from "../listener/listener-set.ts";
import { takePosts } from "../telemetry/line-post.ts";
import type { LineWriter } from "../telemetry/line-writer.ts";
import type { OwnedCounts } from "./count-book.ts";
import { clearCalls } from "./shared-calls.ts";
import { clearWorker } from "./shared-count.ts";
import { Sibling, type Followed } from "./sibling.ts";
import type { News } from "./worker-news.ts";
import { departed, joined, type Tally } from "./tally.ts";
import type { WorkerState } from "./worker-families.ts";

export interface SiblingsOptions {
  readonly config: ProxyConfig;
  readonly memory: SharedArrayBuffer;
  readonly callMemory: SharedArrayBuffer;
  readonly counts: OwnedCounts;
  readonly meeting: string;
  /** What a worker that starts now must know. */
  readonly standingNews: () => News;
  /** Takes the log lines of all; undefined when there is no access log. */
  readonly accessLog: LineWriter | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Logger;
}

interface OpenPort {
  readonly spec: ListenerSpec;
  readonly address: Address;
  readonly flag: string;
}

/** The place of one worker: the thread that fills it now, and what stays when that one dies. */
interface Place {
  readonly worker: number;
  sibling: Sibling | undefined;
  startedMs: number;
  /** Deaths without a long life between them. */
  failures: number;
  restart: Timer | undefined;
  /** What those that died here had counted when they were last asked. */
  departed: Tally | undefined;
}

/**
 * The workers beside the main thread. The system spreads connections over all of them, because each listens on the same
 * ports (SO_REUSEPORT). The main thread alone speaks with the control plane; here the others follow it: each change of
 * configuration, each port, the drain and the end. One that dies is started anew with the configuration and the ports
 * of the moment, while the rest go on.
 */
export class Siblings {
  readonly #options: SiblingsOptions;
  readonly #places: readonly Place[];
  readonly #ports: OpenPort[] = [];
  #newest: Followed | undefined = undefined;
  /** Undefined until the stream has brought an answer, or has failed. */
  #isConnected: boolean | undefined = undefined;
  #isLeaving = false;
  #restarts = 0;
  #tallying: Promise<readonly Tally[]> | undefined = undefined;
  #watching: Timer | undefined = undefined;
  readonly #serving = Promise.withResolvers<void>();

  constructor(options: SiblingsOptions) {
    this.#options = options;
    this.#places = Array.from({ length: options.config.workers - 1 }, (_, index) => ({
      worker: index + 1,
      sibling: undefined,
      startedMs: 0,
      failures: 0,
      restart: undefined,
      departed: undefined,
    }));
  }

  /** Starts the threads; what is asked of them meanwhile waits in their queues. */
  start(): void {
    for (const place of this.#places) this.#fill(place);
    this.#watching = this.#options.timers.every(WORKER_WATCH_MS, () => this.#watch());
  }

  /** Settles when every worker has had a configuration at the same time. */
  get serving(): Promise<void> {
    return this.#serving.promise;
  }

  get states(): readonly WorkerState[] {
    return this.#places.map(({ worker, sibling }) => ({ worker, isServing: sibling?.isServing ?? false }));
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Settles when new requests use it in every worker, or after WORKER_SWAP_MS: one that hangs must not hold the mesh up. */
  async follow(newest: Followed): Promise<void> {
    this.#newest = newest;
    await this.#within(WORKER_SWAP_MS, Promise.all(this.#alive().map((sibling) => this.#follow(sibling, newest))));
  }

  /** Opens a port that the main thread has open. Rejects with `ListenFailed`. */
  async open(spec: ListenerSpec, address: Address, flag: string): Promise<void> {
    this.#ports.push({ spec, address, flag });
    await Promise.all(this.#alive().map((sibling) => sibling.open(spec, address, flag)));
  }

  /** The stream to the control plane has brought an answer, or has ended. */
  onControlPlane(isConnected: boolean): void {
    this.#isConnected = isConnected;
    for (const sibling of this.#alive()) sibling.onControlPlane(isConnected);
  }

  drain(side: Side): void {
    this.#isLeaving = true;
    for (const sibling of this.#alive()) sibling.drain(side);
  }

  inFlight(side: Side): number {
    return this.#sum(side, ({ inFlight }) => inFlight);
  }

  connections(side: Side): number {
    return this.#sum(side, ({ connections }) => connections);
  }

  /** What they counted, those that died included. For one that does not answer in time its last answer stands in. */
  tallies(): Promise<readonly Tally[]> {
    // However many ask: one question at a time.
    this.#tallying ??= this.#askTallies().finally(() => (this.#tallying = undefined));
    return this.#tallying;
  }

  /** Ends all threads; requests in flight are given up. */
  async stop(): Promise<void> {
    this.#isLeaving = true;
    this.#watching?.cancel();
    for (const place of this.#places) place.restart?.cancel();
    const patience = new Promise<void>((settle) => this.#options.timers.after(WORKER_STOP_MS, settle));
    await Promise.all(this.#alive().map((sibling) => sibling.stop(patience)));
    for (const place of this.#places) place.sibling = undefined;
  }

  #alive(): readonly Sibling[] {
    return this.#places.flatMap(({ sibling }) => (sibling === undefined ? [] : [sibling]));
  }

  #fill(place: Place): void {
    const { config, memory, callMemory, counts, meeting, clock, log } = this.#options;
    place.startedMs = clock.nowMs();
    const sibling = new Sibling({
      clock,
      start: {
        config,
        worker: place.worker,
        memory,
        callMemory,
        rows: new Map(counts.rows),
        meeting,
        lines: this.#openLines(),
      },
      rows: () => counts.rows,
      onDied: (dead, error) => this.#onDied(place, dead, error),
    });
    place.sibling = sibling;
    // The configuration first: nobody is answered that there is none. And no request meets what is known to be shut.
    if (this.#newest !== undefined) {
      void this.#follow(sibling, this.#newest);
      sibling.hear(this.#options.standingNews());
    }
    if (this.#isConnected !== undefined) sibling.onControlPlane(this.#isConnected);
    for (const { spec, address, flag } of this.#ports) {
      sibling.open(spec, address, flag).catch((error: unknown) => {
        log.error({ worker: place.worker }, error instanceof Error ? error.message : String(error));
      });
    }
  }

  /** One that hangs keeps its connections waiting, and what the others tell it in memory. */
  #watch(): void {
    for (const sibling of this.#alive()) {
      if (sibling.silentMs < WORKER_SILENCE_MS) sibling.ping();
      else sibling.kill(`it has not answered for ${Math.round(sibling.silentMs / 1_000)} s`);
    }
  }

  async #follow(sibling: Sibling, newest: Followed): Promise<void> {
    await sibling.follow(newest);
    if (this.states.every(({ isServing }) => isServing)) this.#serving.resolve();
  }

  #onDied(place: Place, dead: Sibling, error: unknown): void {
    const { clock, timers, random, log, memory, callMemory } = this.#options;
    place.sibling = undefined;
    clearWorker(memory, place.worker);
    clearCalls(callMemory, place.worker);
    if (dead.lastTally !== undefined) place.departed = departed(dead.lastTally, place.departed);
    if (this.#isLeaving) return;
    this.#restarts += 1;
    if (clock.nowMs() - place.startedMs >= WORKER_LIVED_MS) place.failures = 0;
    place.failures += 1;
    const jitterMs = fullJitterMs(place.failures, WORKER_RESTART_MIN_MS, WORKER_RESTART_MAX_MS, random.unit());
    const restartMs = Math.round(WORKER_RESTART_MIN_MS + jitterMs);
    log.error(
      { worker: place.worker, err: error, restartMs },
      "a worker ended: its requests in flight are lost, the others go on, and it is started anew",
    );
    place.restart = timers.after(restartMs, () => this.#fill(place));
  }

  /** Both ends for the access log of one thread; this one is served here. */
  #openLines(): MessageChannel["port1"] | undefined {
    const { accessLog } = this.#options;
    if (accessLog === undefined) return undefined;
    const { port1, port2 } = new MessageChannel();
    takePosts(port2, accessLog);
    return port1;
  }

  async #askTallies(): Promise<readonly Tally[]> {
    await this.#within(WORKER_ANSWER_MS, Promise.all(this.#alive().map((sibling) => sibling.tally())));
    return this.#places.flatMap(({ sibling, departed: before }) => {
      const live = sibling?.lastTally;
      if (live !== undefined && before !== undefined) return [joined(live, before)];
      return [live, before].filter((tally) => tally !== undefined);
    });
  }

  #sum(side: Side, value: (load: { inFlight: number; connections: number }) => number): number {
    let sum = 0;
    for (const { load } of this.#alive()) {
      if (side !== "outbound") sum += value(load.inbound);
      if (side !== "inbound") sum += value(load.outbound);
    }
    return sum;
  }

  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = this.#options.timers.after(ms, late.resolve);
    await Promise.race([work, late.promise]);
    timer.cancel();
  }
}
