import type { Snapshot } from "../../shared/model/snapshot.ts";
import type { Result } from "../../shared/result.ts";
import type { Violation } from "../../shared/violation.ts";
import type { ResourceType, SessionRequest, StoredSnapshot, SubscribedType } from "./discovery-message.ts";

/** A snapshot that compiled: swap to `runtime`, then store `stored`. */
export interface Activation<T> {
  readonly runtime: T;
  readonly snapshot: Snapshot;
  readonly revision: number;
  readonly stored: StoredSnapshot;
}

/** What the shell does after an event, in this order: activate, send, reconnect. */
export interface Outcome<T> {
  readonly activate: Activation<T> | undefined;
  readonly requests: readonly SessionRequest[];
  /** Close this stream, then open another: why. */
  readonly reconnect: string | undefined;
  /** A response was refused: for the log and the counter. */
  readonly refused: Refused | undefined;
}

export interface Refused {
  readonly type: SubscribedType;
  readonly version: string;
  readonly reason: string;
}

/** Turns a whole snapshot into what the requests read, or tells everything that is wrong with it. */
export type Compile<T> = (snapshot: Snapshot, revision: number) => Result<T, readonly Violation[]>;

/** How one type stands, for the admin port. */
export interface TypeStatus {
  readonly type: ResourceType;
  readonly version: string;
  readonly resources: number;
  readonly waitingFor: readonly string[];
  readonly refused: Refused | undefined;
}
