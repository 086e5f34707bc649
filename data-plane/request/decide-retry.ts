import { unreachable } from "../../shared/assert.ts";
import { fullJitterMs } from "../../shared/backoff.ts";
import type { RetryPolicy } from "../../shared/model/route.ts";
import type { HeaderList } from "../http1/message.ts";

/**
 * How an attempt ended:
 * - `response`: a final response head came.
 * - `unsent`: no byte of the request left (refused, not connected in time, reset before the first write).
 * - `died`: the connection ended after bytes of the request left.
 * - `timeout`: the time of one try ran out.
 * - `protocol`: the upstream answered with something that is no response.
 */
export type OutcomeKind = "response" | "unsent" | "died" | "timeout" | "protocol";

export interface Outcome {
  readonly kind: OutcomeKind;
  /** Of a `response`, else 0. */
  readonly status: number;
  /** A connection that had served before ended before a byte of the response: it was probably closing already. */
  readonly isRaced: boolean;
}

/** What is known of the request when an attempt has ended. */
export interface RetryState {
  readonly policy: RetryPolicy | undefined;
  /** Attempts so far that `policy` has to count. */
  readonly attempts: number;
  readonly isIdempotent: boolean;
  /** The whole body so far can be sent again. */
  readonly isReplayable: boolean;
  /** A raced connection has been replaced once already. */
  readonly hasReplacedConnection: boolean;
  /** Until the deadline of the whole request. */
  readonly remainingMs: number;
}

/** No retry: what came is the answer. */
export const COMMIT = -1;

/**
 * Decides what follows an attempt: milliseconds to wait before the next, or {@link COMMIT}.
 *
 *                  | nothing was sent | sent, idempotent | sent, not idempotent
 *     unsent       | by policy        |                  |
 *     raced        |                  | at once, once    | never
 *     died, timeout, protocol, response: by policy       | never
 *
 * A retry of what is not idempotent has paid out money twice (semantics.md 19.6): no policy can ask for it. A raced
 * connection is replaced whatever the policy says, for it says nothing about the endpoint (http1.md H11).
 * `unit` in [0, 1) is the chance of the jitter.
 */
export function decideRetry(outcome: Outcome, state: RetryState, unit: number): number {
  if (!state.isReplayable) return COMMIT;
  if (outcome.kind !== "unsent" && !state.isIdempotent) return COMMIT;
  if (outcome.isRaced && !state.hasReplacedConnection) return 0;
  const { policy } = state;
  if (policy === undefined || state.attempts > policy.retries || !isRetriable(outcome, policy)) return COMMIT;
  const waitMs = fullJitterMs(state.attempts, policy.backoffBaseMs, policy.backoffMaxMs, unit);
  return waitMs < state.remainingMs ? waitMs : COMMIT;
}

/** Safe to send twice by RFC 9110 9.2.2, or by the word of the client: a key under which the server knows repetitions. */
export function isIdempotent(method: string, headers: HeaderList): boolean {
  switch (method) {
    case "GET":
    case "HEAD":
    case "OPTIONS":
    case "PUT":
    case "DELETE":
      return true;
    default:
      for (let at = 0; at < headers.length; at += 2) if (headers[at] === "idempotency-key") return true;
      return false;
  }
}

/** Envoy's words of `retry_on` (semantics.md 1). */
function isRetriable(outcome: Outcome, policy: RetryPolicy): boolean {
  const { retryOn } = policy;
  const on5xx = retryOn.includes("5xx");
  switch (outcome.kind) {
    case "unsent":
      return on5xx || retryOn.includes("connect-failure") || isOnReset(retryOn);
    case "died":
    case "protocol":
      return on5xx || retryOn.includes("gateway-error") || retryOn.includes("reset");
    case "timeout":
      return on5xx || retryOn.includes("gateway-error");
    case "response":
      return isRetriableStatus(outcome.status, policy);
    default:
      return unreachable(outcome.kind);
  }
}

function isOnReset(retryOn: readonly string[]): boolean {
  return retryOn.includes("reset") || retryOn.includes("reset-before-request");
}

function isRetriableStatus(status: number, policy: RetryPolicy): boolean {
  const { retryOn, retriableStatuses } = policy;
  if (status >= 500 && retryOn.includes("5xx")) return true;
  if (status >= 502 && status <= 504 && retryOn.includes("gateway-error")) return true;
  if (status === 409 && retryOn.includes("retriable-4xx")) return true;
  return retryOn.includes("retriable-status-codes") && retriableStatuses.includes(status);
}
