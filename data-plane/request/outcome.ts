import { unreachable } from "../../shared/assert.ts";
import type { ResponseHead } from "../http1/message.ts";
import { verdictOf, type Verdict } from "../policy/verdict.ts";
import type { AttemptFailure } from "./attempt-target.ts";
import type { Outcome, OutcomeKind } from "./decide-retry.ts";
import { retryAfterMs } from "./retry-after.ts";
import type { LocalReason } from "./local-reply.ts";

/** On an answer: whoever made it had no room for the request, and another try would only add to the load. */
export const OVERLOADED_HEADER = "x-heddle-overloaded";

/** On an answer: this hop has retried already, so no other one needs to (semantics.md 20, 6). */
export const RETRIED_HEADER = "x-heddle-retried";

/** What a response says of the service. A refusal for lack of room is like a 429: the service is well and wants less. */
export function verdictOfResponse(head: ResponseHead): Verdict {
  return head.status >= 500 && hasHeader(head, OVERLOADED_HEADER) ? "rate-limited" : verdictOf(head.status);
}

/** What a response of 400 or above means for a retry. */
export function outcomeOfResponse(head: ResponseHead, nowWallMs: number): Outcome {
  return {
    kind: "response",
    status: head.status,
    isRaced: false,
    isFinal: hasHeader(head, OVERLOADED_HEADER) || hasHeader(head, RETRIED_HEADER),
    isRateLimited: hasHeader(head, "x-envoy-ratelimited"),
    retryAfterMs: retryAfterMs(head.headers, nowWallMs),
  };
}

function failed(kind: OutcomeKind, isRaced: boolean): Outcome {
  return { kind, status: 0, isRaced, isFinal: false, isRateLimited: false, retryAfterMs: -1 };
}

function hasHeader({ headers }: ResponseHead, name: string): boolean {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return true;
  return false;
}

/** One try has taken too long. */
export const TOO_SLOW = failed("timeout", false);

/** What a failed attempt means for a retry; undefined when another one would fail the same way. */
export function outcomeOf(failure: AttemptFailure, isRaced: boolean): Outcome | undefined {
  switch (failure) {
    case "connect-failed":
    case "connect-timeout":
      return failed("unsent", false);
    case "unsent":
      return failed("unsent", isRaced);
    case "died":
      return failed("died", isRaced);
    case "stalled":
      return failed("died", false);
    case "protocol":
      return failed("protocol", false);
    case "try-timeout":
      return failed("timeout", false);
    case "overflow":
    case "loop":
      return undefined;
    default:
      return unreachable(failure);
  }
}

/** What a failed attempt is answered with when nothing follows it. */
export function reasonOf(failure: AttemptFailure, responseBytesSeen: number): LocalReason {
  switch (failure) {
    case "unsent":
      return "upstream-unsent";
    case "died":
      return responseBytesSeen === 0 ? "upstream-died" : "upstream-ended-early";
    case "stalled":
      return "upstream-stalled";
    case "protocol":
      return "upstream-protocol";
    default:
      return failure;
  }
}

/** What it says of the endpoint: a refusal of our own says nothing. */
export function verdictOfFailure(failure: AttemptFailure): Verdict {
  return failure === "overflow" || failure === "loop" ? "none" : "local";
}
