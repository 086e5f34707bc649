import type { Address } from "../../shared/address.ts";
import { systemClock, threadClockOffsetMs } from "../../shared/clock.ts";
import type { Logger } from "../../shared/log.ts";
import type { Snapshot } from "../../shared/model/snapshot.ts";
import { systemIds, systemRandom } from "../../shared/random.ts";
import { systemTimers } from "../../shared/timers.ts";
import type { ProxyConfig } from "../config.ts";
import { DataPath } from "../data-path.ts";
import type { Drained } from "../drain.ts";
import { orListenFailed, type ListenerSpec, type Side } from "../listener/listener-set.ts";
import { checkUnused } from "../listener/unused-port.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { LineWriter } from "../telemetry/line-writer.ts";
import type { MetricFamily } from "../telemetry/prometheus-text.ts";
import { OwnedCounts } from "./count-book.ts";
import { SharedCalls, sharedCallMemory } from "./shared-calls.ts";
import { sharedCountMemory } from "./shared-count.ts";
import { Siblings } from "./siblings.ts";
import type { Tally } from "./tally.ts";
import type { News } from "./worker-news.ts";
import { workerFamilies, type WorkerState } from "./worker-families.ts";

/**
 * All that carry a proxy's requests: the data path of this thread, and those of the other threads when there are any
 * (`--workers`). Whatever is done here is done in all of them; with one worker nothing stands between.
 */
export class Workers implements Drained {
  /** This thread's. */
  readonly own: DataPath;
  readonly #siblings: Siblings | undefined;
  #isConfigured = false;

  constructor(config: ProxyConfig, log: Logger, accessLog: LineWriter | undefined) {
    if (config.workers === 1) {
      this.own = new DataPath({ config, log, accessLog });
      this.#siblings = undefined;
      return;
    }
    const memory = sharedCountMemory(config.workers);
    const callMemory = sharedCallMemory(config.workers);
    const counts = new OwnedCounts(memory);
    const calls = new SharedCalls(callMemory, 0, threadClockOffsetMs());
    const meeting = `heddle-${systemIds.uuid()}`;
    this.own = new DataPath({ config, log, accessLog, shared: { worker: 0, counts, calls, meeting } });
    const shell = { clock: systemClock, timers: systemTimers, random: systemRandom, log };
    const standingNews = (): News => this.own.standingNews();
    this.#siblings = new Siblings({ config, memory, callMemory, counts, meeting, standingNews, accessLog, ...shell });
  }

  /** Starts the other threads. */
  start(): void {
    this.#siblings?.start();
  }

  /** Opens a port in all of them. Rejects with `ListenFailed` in words for the operator. */
  async open(spec: ListenerSpec, address: Address, flag: string): Promise<Address> {
    if (this.#siblings === undefined) return this.own.listeners.open(spec, address, flag);
    await orListenFailed(checkUnused(address), address, flag);
    const bound = await this.own.listeners.open(spec, address, flag);
    await this.#siblings.open(spec, bound, flag);
    return bound;
  }

  /** `runtime` is what the snapshot was compiled to here. Settles when all have swapped; undefined: they have. */
  swap(runtime: Runtime, snapshot: Snapshot, revision: number): Promise<void> | undefined {
    this.own.swap(runtime);
    this.#isConfigured = true;
    return this.#siblings?.follow({ snapshot, revision });
  }

  /** Settles when each of them has had a configuration; undefined: this thread is the only one. */
  get serving(): Promise<void> | undefined {
    return this.#siblings?.serving;
  }

  get states(): readonly WorkerState[] {
    return [{ worker: 0, isServing: this.#isConfigured }, ...(this.#siblings?.states ?? [])];
  }

  /** The stream to the control plane has brought an answer, or has ended. */
  onControlPlane(isConnected: boolean): void {
    this.own.watches.onControlPlane(isConnected);
    this.#siblings?.onControlPlane(isConnected);
  }

  drain(side: Side = "both"): void {
    this.own.listeners.drain(side);
    this.#siblings?.drain(side);
  }

  inFlight(side: Side = "both"): number {
    return this.own.listeners.inFlight(side) + (this.#siblings?.inFlight(side) ?? 0);
  }

  connections(side: Side = "both"): number {
    return this.own.listeners.connections(side) + (this.#siblings?.connections(side) ?? 0);
  }

  /** What each of them counted. */
  async tallies(): Promise<readonly Tally[]> {
    return [this.own.tally(), ...((await this.#siblings?.tallies()) ?? [])];
  }

  /** How they share the load; nothing with one. */
  families(tallies: readonly Tally[]): readonly MetricFamily[] {
    return this.#siblings === undefined ? [] : workerFamilies(this.states, this.#siblings.restarts, tallies);
  }

  /** Ends everything now, requests in flight are given up; settles when the other threads are gone. */
  async close(): Promise<void> {
    this.own.close();
    await this.#siblings?.stop();
  }
}
