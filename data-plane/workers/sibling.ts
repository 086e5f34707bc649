import { fileURLToPath } from "node:url";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";

import type { Address } from "../../shared/address.ts";
import type { Clock } from "../../shared/clock.ts";
import { emptySnapshot, type Snapshot } from "../../shared/model/snapshot.ts";
import { ListenFailed, type ListenerSpec, type Side } from "../listener/listener-set.ts";
import { changesOf, type MapChanges } from "./map-changes.ts";
import type { News } from "./worker-news.ts";
import type { Tally } from "./tally.ts";
import {
  snapshotChanges,
  type WorkerLoad,
  type WorkerOrder,
  type WorkerStart,
  type WorkerTask,
} from "./worker-message.ts";
import type { WorkerWord } from "./worker-message.ts";

/** The configuration as every worker is to have it. */
export interface Followed {
  readonly snapshot: Snapshot;
  readonly revision: number;
}

export interface SiblingOptions {
  readonly start: WorkerStart;
  readonly clock: Clock;
  /** The rows of shared counts as they are now. */
  readonly rows: () => ReadonlyMap<string, number>;
  /** The thread has ended and nobody stopped it. `error` is what it did not catch. */
  readonly onDied: (sibling: Sibling, error: unknown) => void;
}

const PROGRAM = new URL(`./worker-thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

/** Unknown is taken for busy. */
const UNKNOWN_LOAD: WorkerLoad = {
  inbound: { inFlight: 1, connections: 1 },
  outbound: { inFlight: 1, connections: 1 },
};
const NO_LOAD: WorkerLoad = { inbound: { inFlight: 0, connections: 0 }, outbound: { inFlight: 0, connections: 0 } };

/**
 * Another worker, as the main thread sees it: a thread with ports, pools and a compiled runtime of its own. What it is asked
 * settles when it is done, and settles as well when the thread ends before: then there is nothing left to be done in it.
 */
export class Sibling {
  readonly worker: number;
  readonly #options: SiblingOptions;
  readonly #thread: Worker;
  readonly #asked = new Map<number, PromiseWithResolvers<Tally | undefined>>();
  #lastId = 0;
  /** When it was asked what it answers next. */
  #waitingSinceMs = 0;
  #sentRows: ReadonlyMap<string, number>;
  #sent: Followed = { snapshot: emptySnapshot, revision: 0 };
  #newest: Followed | undefined = undefined;
  #feeding: Promise<void> | undefined = undefined;
  #load: WorkerLoad = UNKNOWN_LOAD;
  #error: unknown = undefined;
  #isStopped = false;
  #hasEnded = false;
  readonly #ended = Promise.withResolvers<void>();
  /** It has a configuration. */
  isServing = false;
  /** Its last answer. */
  lastTally: Tally | undefined = undefined;

  constructor(options: SiblingOptions) {
    this.#options = options;
    this.worker = options.start.worker;
    this.#sentRows = options.start.rows;
    const { lines } = options.start;
    this.#thread = new Worker(PROGRAM, {
      workerData: options.start,
      transferList: lines === undefined ? [] : [lines],
      name: `heddle-worker-${this.worker}`,
    });
    this.#thread.on("message", (word: WorkerWord) => this.#onWord(word));
    this.#thread.on("error", (error) => (this.#error = error));
    this.#thread.on("exit", () => this.#onExit());
  }

  /** Takes it to the configuration; what it has not begun with is replaced by what comes next, never queued. */
  follow(newest: Followed): Promise<void> {
    this.#newest = newest;
    this.#feeding ??= this.#feed();
    return this.#feeding;
  }

  /** Rejects with {@link ListenFailed} in words for the operator. */
  async open(spec: ListenerSpec, address: Address, flag: string): Promise<void> {
    await this.#ask({ kind: "open", spec, address, flag, rows: this.#rowChanges() });
  }

  hear(news: News): void {
    void this.#ask({ kind: "news", news });
  }

  /** For how long it has owed an answer without giving any: it does one thing after the other. */
  get silentMs(): number {
    return this.#asked.size === 0 ? 0 : this.#options.clock.nowMs() - this.#waitingSinceMs;
  }

  ping(): void {
    void this.#ask({ kind: "ping" });
  }

  /** Ends the thread wherever it is; `onDied` hears of it. */
  kill(reason: string): void {
    this.#error ??= new Error(reason);
    void this.#thread.terminate();
  }

  onControlPlane(isConnected: boolean): void {
    void this.#ask({ kind: "control-plane", isConnected });
  }

  drain(side: Side): void {
    this.#load = this.#hasEnded ? NO_LOAD : UNKNOWN_LOAD;
    void this.#ask({ kind: "drain", side });
  }

  /** Undefined when the thread has ended. */
  async tally(): Promise<Tally | undefined> {
    const tally = await this.#ask({ kind: "tally" });
    if (tally !== undefined) this.lastTally = tally;
    return tally;
  }

  /** While it drains. */
  get load(): WorkerLoad {
    return this.#load;
  }

  /** Ends what it carries, then the thread, at the latest when `patience` settles. */
  async stop(patience: Promise<void>): Promise<void> {
    this.#isStopped = true;
    await Promise.race([this.#ask({ kind: "stop" }), patience]);
    await this.#thread.terminate();
    await this.#ended.promise;
  }

  async #feed(): Promise<void> {
    while (this.#newest !== undefined && !this.#hasEnded) {
      const { snapshot, revision } = this.#newest;
      const changes = snapshotChanges(this.#sent.snapshot, snapshot, revision);
      this.#sent = this.#newest;
      this.#newest = undefined;
      await this.#ask({ kind: "swap", changes, rows: this.#rowChanges() });
      this.isServing ||= !this.#hasEnded;
    }
    this.#feeding = undefined;
  }

  #rowChanges(): MapChanges<number> {
    const rows = new Map(this.#options.rows());
    const changes = changesOf(this.#sentRows, rows);
    this.#sentRows = rows;
    return changes;
  }

  #ask(task: WorkerTask): Promise<Tally | undefined> {
    if (this.#hasEnded) return Promise.resolve(undefined);
    if (this.#asked.size === 0) this.#waitingSinceMs = this.#options.clock.nowMs();
    this.#lastId += 1;
    const answer = Promise.withResolvers<Tally | undefined>();
    this.#asked.set(this.#lastId, answer);
    const order: WorkerOrder = { id: this.#lastId, task };
    this.#thread.postMessage(order);
    return answer.promise;
  }

  #onWord(word: WorkerWord): void {
    if (word.kind === "load") {
      this.#load = word.load;
      return;
    }
    const answer = this.#asked.get(word.id);
    this.#asked.delete(word.id);
    this.#waitingSinceMs = this.#options.clock.nowMs();
    if (word.kind === "done") answer?.resolve(word.tally);
    else answer?.reject(new ListenFailed(word.reason));
  }

  #onExit(): void {
    this.#hasEnded = true;
    this.isServing = false;
    this.#load = NO_LOAD;
    for (const answer of this.#asked.values()) answer.resolve(undefined);
    this.#asked.clear();
    this.#ended.resolve();
    if (!this.#isStopped) this.#options.onDied(this, this.#error);
  }
}
