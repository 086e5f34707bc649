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
  readonly #calls = new Map<string, InboundCall>();

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
    const call: InboundCall = { requests: 1, attempt, deadlineAtMs, wasRetried: false, wasRefused: false };
    this.#calls.set(traceId, call);
    return call;
  }

  // Hot: once per outbound request.
  find(traceId: string): InboundCall | undefined {
    return this.#calls.size === 0 ? undefined : this.#calls.get(traceId);
  }

  leave(traceId: string, call: InboundCall): void {
    call.requests -= 1;
    if (call.requests === 0) this.#calls.delete(traceId);
  }
}
