import { INBOUND_CALLS_MAX } from "../../shared/limits.ts";

/** What the app beside the proxy was asked, as far as its own calls are concerned. */
export interface InboundCall {
  /** Requests under way that share the trace. */
  requests: number;
  /** 1 is the first; more: an earlier hop retries. */
  attempt: number;
  /** Monotonic; Infinity for none. */
  deadlineAtMs: number;
  /** A call that the app made meanwhile was retried: whoever called it need not do so, too. */
  wasRetried: boolean;
  /** A call that the app made meanwhile was refused: what it answers now says nothing of how it is itself. */
  wasRefused: boolean;
}

/** Entries that other workers of the proxy see, too. */
export interface SharedInboundCalls {
  /** An entry of this worker, of attempt 1 and without a deadline; undefined: there is no room, and only this worker knows of it. */
  open(traceId: string): (InboundCall & { close(): void }) | undefined;
  /** Those of the other workers. */
  find(traceId: string): readonly InboundCall[];
}

/**
 * The requests that the app is answering now, by their trace ids. An app passes the trace on and nothing else; through this
 * its own calls have the attempt and the deadline of the request that they are made for, so that only one hop retries and
 * nobody works for a caller who has given up (semantics.md 20, 6).
 *
 * Requests that share a trace share an entry, with the latest deadline and the highest attempt among them: never a deadline
 * that would cut a call short, never a retry too many. Beyond INBOUND_CALLS_MAX a request is not remembered, and its calls are
 * treated like those of an app that has no trace.
 */
export class InboundCalls {
  readonly #calls = new Map<string, InboundCall & { close?(): void }>();
  readonly #shared: SharedInboundCalls | undefined;

  /** `shared`: undefined with one worker. */
  constructor(shared?: SharedInboundCalls) {
    this.#shared = shared;
  }

  get size(): number {
    return this.#calls.size;
  }

  // Hot: once per inbound request.
  /** Undefined: not remembered. Else to be given to {@link leave} once. */
  enter(traceId: string, attempt: number, deadlineAtMs: number): InboundCall | undefined {
    const known = this.#calls.get(traceId);
    if (known !== undefined) {
      known.requests += 1;
      known.attempt = Math.max(known.attempt, attempt);
      known.deadlineAtMs = Math.max(known.deadlineAtMs, deadlineAtMs);
      return known;
    }
    if (this.#calls.size >= INBOUND_CALLS_MAX) return undefined;
    const shared = this.#shared?.open(traceId);
    if (shared !== undefined) {
      shared.attempt = attempt;
      shared.deadlineAtMs = deadlineAtMs;
    }
    const call = shared ?? { requests: 1, attempt, deadlineAtMs, wasRetried: false, wasRefused: false };
    this.#calls.set(traceId, call);
    return call;
  }

  // Hot: once per outbound request.
  find(traceId: string): InboundCall | undefined {
    const own = this.#calls.size === 0 ? undefined : this.#calls.get(traceId);
    const others = this.#shared?.find(traceId) ?? NONE;
    if (others.length === 0) return own;
    const [other] = others;
    return own === undefined && others.length === 1
      ? other
      : new JoinedCall(own === undefined ? others : [own, ...others]);
  }

  leave(traceId: string, call: InboundCall): void {
    call.requests -= 1;
    if (call.requests > 0) return;
    this.#calls.get(traceId)?.close?.();
    this.#calls.delete(traceId);
  }
}

const NONE: readonly InboundCall[] = [];

/** Requests of one trace at several workers: as if they stood in one entry. */
class JoinedCall implements InboundCall {
  requests = 0;
  readonly #calls: readonly InboundCall[];

  constructor(calls: readonly InboundCall[]) {
    this.#calls = calls;
  }

  get attempt(): number {
    return Math.max(...this.#calls.map(({ attempt }) => attempt));
  }

  get deadlineAtMs(): number {
    return Math.max(...this.#calls.map(({ deadlineAtMs }) => deadlineAtMs));
  }

  get wasRetried(): boolean {
    return this.#calls.some(({ wasRetried }) => wasRetried);
  }

  set wasRetried(was: boolean) {
    for (const call of this.#calls) call.wasRetried = was;
  }

  get wasRefused(): boolean {
    return this.#calls.some(({ wasRefused }) => wasRefused);
  }

  set wasRefused(was: boolean) {
    for (const call of this.#calls) call.wasRefused = was;
  }
}
