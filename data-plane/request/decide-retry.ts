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
  /** The answer says that no retry is welcome: its maker has no room, or has retried itself. */
  readonly isFinal: boolean;
  /** The answer carries `x-envoy-ratelimited`. */
  readonly isRateLimited: boolean;
  /** How long the answer asks its client to wait, or -1. */
  readonly retryAfterMs: number;
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
  /** The request is a retry already, made by an earlier hop: only one hop retries (semantics.md 20, 6). */
  readonly isRepeated: boolean;
  /** Until the deadline of the whole request. */
  readonly remainingMs: number;
}

/** No retry: what came is the answer. */
export const COMMIT = -1;
/** A retry would be right, but all that the policy allows have been made (Envoy's URX), */
export const EXHAUSTED = -2;
/** or it would begin after the deadline, */
export const LATE = -3;
/** or an earlier hop retries this request, */
export const REPEATED = -4;
/** or the answer says that none is welcome. */
export const FINAL = -5;

/**
 * Decides what follows an attempt: milliseconds to wait before the next, or one of the negative words above.
 *
 *                  | nothing was sent | sent, idempotent | sent, not idempotent
 *     unsent       | by policy        |                  |
 *     raced        |                  | at once, once    | never
 *     died, timeout, protocol, response: by policy       | only when the policy says so
 *
 * A retry of what is not idempotent has paid out money twice (semantics.md 19.6): it takes an operator who knows the
 * service (`retryNonIdempotent`) or a client who gave the request a key. A raced connection is replaced whatever the policy
 * says, for it says nothing about the endpoint (http1.md H11). `unit` in [0, 1) is the chance of the jitter.
 */
export function decideRetry(outcome: Outcome, state: RetryState, unit: number): number {
  const { policy } = state;
  if (!state.isReplayable) return COMMIT;
  if (outcome.isRaced && !state.hasReplacedConnection && (outcome.kind === "unsent" || state.isIdempotent)) return 0;
  if (policy === undefined || policy.retries === 0) return COMMIT;
  if (outcome.kind !== "unsent" && !state.isIdempotent && !policy.retryNonIdempotent) return COMMIT;
  if (!isRetriable(outcome, policy)) return COMMIT;
  if (outcome.isFinal) return FINAL;
  if (state.isRepeated) return REPEATED;
  if (state.attempts > policy.retries) return EXHAUSTED;
  const waitMs = waitBefore(outcome, policy, state.attempts, unit);
  return waitMs < state.remainingMs ? waitMs : LATE;
}

/**
 * Full jitter; or what the answer asks for and up to half of it more, so that those who were told the same time do not come
 * back together. What asks for more than the policy allows is not heard (both as Envoy's `rate_limited_retry_back_off`).
 */
function waitBefore({ retryAfterMs }: Outcome, policy: RetryPolicy, attempts: number, unit: number): number {
  if (retryAfterMs >= 0 && retryAfterMs <= policy.retryAfterMaxMs && policy.retryAfterMaxMs > 0) {
    return retryAfterMs * (1 + unit / 2);
  }
  return fullJitterMs(attempts, policy.backoffBaseMs, policy.backoffMaxMs, unit);
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

/**
 * Envoy's words of `retry_on` (semantics.md 1). `refused-stream` is what HTTP/1.1 has of it: nothing of the request was taken.
 * Of no meaning here are those of gRPC, which needs HTTP/2, and `http3-post-connect-failure`.
 */
export function isRetriable(outcome: Outcome, policy: RetryPolicy | undefined): boolean {
  if (policy === undefined) return false;
  const { retryOn, hedgeOnTryTimeout } = policy;
  switch (outcome.kind) {
    case "unsent":
      return isOnFailure(retryOn) || retryOn.includes("reset") || isOnUnsent(retryOn);
    case "died":
    case "protocol":
      return isOnFailure(retryOn) || retryOn.includes("reset");
    case "timeout":
      // A hedge is asked for by its own word, whatever else is retried (as Envoy).
      return hedgeOnTryTimeout || isOnFailure(retryOn);
    case "response":
      return isRetriableStatus(outcome, policy);
    default:
      return unreachable(outcome.kind);
  }
}

/** No answer is as good as a 5xx, and as that of a gateway. */
function isOnFailure(retryOn: readonly string[]): boolean {
  return retryOn.includes("5xx") || retryOn.includes("gateway-error");
}

function isOnUnsent(retryOn: readonly string[]): boolean {
  return ["connect-failure", "reset-before-request", "refused-stream"].some((word) => retryOn.includes(word));
}

function isRetriableStatus({ status, isRateLimited }: Outcome, { retryOn, retriableStatuses }: RetryPolicy): boolean {
  // As Envoy: a rate limit is no reason to come again, unless the operator says that it is.
  if (isRateLimited) return retryOn.includes("envoy-ratelimited");
  if (status >= 500 && retryOn.includes("5xx")) return true;
  if (status >= 502 && status <= 504 && retryOn.includes("gateway-error")) return true;
  // Of 4xx only this one (seeds.md C5).
  if (status === 409 && retryOn.includes("retriable-4xx")) return true;
  return retryOn.includes("retriable-status-codes") && retriableStatuses.includes(status);
}
