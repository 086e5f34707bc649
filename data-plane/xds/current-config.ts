import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/log.ts";
import { emptySnapshot, type Snapshot } from "../../shared/model/snapshot.ts";
import { describeViolations } from "../../shared/violation.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ClientSession } from "./client-session.ts";
import { RESOURCE_TYPES, type SubscribedType } from "./discovery-message.ts";
import type { LastGoodStore } from "./last-good.ts";
import type { Activation, Refused } from "./session-outcome.ts";

export interface CurrentConfigOptions {
  readonly session: ClientSession<Runtime>;
  /** Undefined: nothing is kept on disk. */
  readonly store: LastGoodStore | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Puts it in use. A promise settles when it is in use everywhere; undefined: it is. */
  readonly swap: (activation: Activation<Runtime>) => Promise<void> | undefined;
}

/** The snapshot in use: where it came from, how it is put in place and kept, and what was refused since. */
export class CurrentConfig {
  readonly #options: CurrentConfigOptions;
  #snapshot: Snapshot = emptySnapshot;
  #revision = 0;
  #source: "none" | "disk" | "stream" = "none";
  #swaps = 0;
  /** Of the process's own monotonic clock, and of the wall for a snapshot from disk. */
  #confirmedWallMs = 0;
  readonly #refusals = new Map<SubscribedType, number>([...RESOURCE_TYPES, "digest" as const].map((type) => [type, 0]));
  readonly #refusedWallMs = new Map<SubscribedType, number>();

  constructor(options: CurrentConfigOptions) {
    this.#options = options;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get revision(): number {
    return this.#revision;
  }

  get source(): "none" | "disk" | "stream" {
    return this.#source;
  }

  /** Times a new runtime came into use. */
  get swaps(): number {
    return this.#swaps;
  }

  /** Refused responses by type, since the start. */
  get refusals(): ReadonlyMap<SubscribedType, number> {
    return this.#refusals;
  }

  refusedWallMs(type: SubscribedType): number {
    return this.#refusedWallMs.get(type) ?? 0;
  }

  /** Since a control plane last confirmed it. A snapshot from disk has the age of its file until then. */
  ageMs(): number {
    const { session, clock } = this.#options;
    if (this.#source === "none") return 0;
    if (this.#source === "disk") return Math.max(0, clock.wallMs() - this.#confirmedWallMs);
    return clock.nowMs() - (session.confirmedMs ?? clock.nowMs());
  }

  /** Starts from the snapshot on disk, when there is a good one. Whatever is wrong with it is said, never thrown. */
  restore(): void {
    const { session, store, clock, log } = this.#options;
    const loaded = store?.load();
    if (store === undefined || loaded === undefined) return;
    if (!loaded.ok) {
      log.warn({ file: store.path }, `the stored snapshot is not used: ${loaded.error}`);
      return;
    }
    const restored = session.restore(loaded.value.snapshot, clock.nowMs());
    if (!restored.ok) {
      log.warn({ file: store.path }, `the stored snapshot is not used: ${describeViolations(restored.error)}`);
      return;
    }
    this.#source = "disk";
    this.#confirmedWallMs = loaded.value.savedWallMs;
    void this.#swap(restored.value);
    log.info({ revision: restored.value.revision, ageMs: Math.round(this.ageMs()) }, "serving the snapshot from disk");
  }

  /** Settles like `swap`: then the control plane may be told. */
  onActivated(activation: Activation<Runtime>): Promise<void> | undefined {
    const { store, clock, log } = this.#options;
    const isFirst = this.#source !== "stream";
    this.#source = "stream";
    const swapped = this.#swap(activation);
    store?.save(activation.stored, clock.wallMs());
    log[isFirst ? "info" : "debug"]({ revision: activation.revision }, "serving the snapshot of the control plane");
    return swapped;
  }

  onRefused({ type, version, reason }: Refused): void {
    this.#refusals.set(type, (this.#refusals.get(type) ?? 0) + 1);
    this.#refusedWallMs.set(type, this.#options.clock.wallMs());
    this.#options.log.error({ type, version }, `refused: ${reason}`);
  }

  #swap(activation: Activation<Runtime>): Promise<void> | undefined {
    this.#snapshot = activation.snapshot;
    this.#revision = activation.revision;
    this.#swaps += 1;
    return this.#options.swap(activation);
  }
}
