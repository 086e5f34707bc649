import { RESOURCE_WAIT_MS } from "../../shared/defaults.ts";
import type { ResourceType } from "./discovery-message.ts";

/** Something that accepted resources refer to and that is not there. `name` "" is the first answer of the type. */
export interface Lack {
  readonly type: ResourceType;
  readonly name: string;
}

/**
 * What the newest holdings lack, and since when. A wait for a named resource ends after RESOURCE_WAIT_MS, one for the
 * first answer of a type never: without a list of clusters and listeners there is nothing to serve.
 */
export class Waits {
  #since: ReadonlyMap<string, { readonly lack: Lack; readonly sinceMs: number }> = new Map();

  /** The lacks of new holdings; those known before keep their start. */
  renew(lacks: readonly Lack[], nowMs: number): void {
    const before = this.#since;
    this.#since = new Map(
      lacks.map((lack) => {
        const key = `${lack.type}/${lack.name}`;
        return [key, { lack, sinceMs: before.get(key)?.sinceMs ?? nowMs }];
      }),
    );
  }

  /** A new stream: the server gets the whole time again. */
  restart(nowMs: number): void {
    this.#since = new Map([...this.#since].map(([key, { lack }]) => [key, { lack, sinceMs: nowMs }]));
  }

  isWaiting(nowMs: number): boolean {
    for (const { lack, sinceMs } of this.#since.values()) {
      if (lack.name === "" || nowMs < sinceMs + RESOURCE_WAIT_MS) return true;
    }
    return false;
  }

  /** When the last wait ends; undefined when one never ends, or there is none. */
  endMs(): number | undefined {
    let endMs: number | undefined;
    for (const { lack, sinceMs } of this.#since.values()) {
      if (lack.name === "") return undefined;
      endMs = Math.max(endMs ?? 0, sinceMs + RESOURCE_WAIT_MS);
    }
    return endMs;
  }

  namesOf(type: ResourceType): readonly string[] {
    return [...this.#since.values()].filter(({ lack }) => lack.type === type).map(({ lack }) => lack.name);
  }
}
