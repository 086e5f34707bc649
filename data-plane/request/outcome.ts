import { unreachable } from "../../shared/assert.ts";
import type { ResponseHead } from "../http1/message.ts";
import { verdictOf, type Verdict } from "../policy/verdict.ts";
import type { AttemptFailure } from "./attempt.ts";
import type { Outcome } from "./decide-retry.ts";
import type { LocalReason } from "./local-reply.ts";

/** On an answer: whoever made it had no room for the request, and another try would only add to the load. */
export const OVERLOADED_HEADER = "x-heddle-overloaded";

/** What a response says of the service. A refusal for lack of room is like a 429: the service is well and wants less. */
export function verdictOfResponse(head: ResponseHead): Verdict {
  return head.status >= 500 && hasHeader(head, OVERLOADED_HEADER) ? "rate-limited" : verdictOf(head.status);
}

/** What a response of 400 or above means for a retry; undefined when its maker says that none is welcome. */
export function outcomeOfResponse(head: ResponseHead): Outcome | undefined {
  if (hasHeader(head, OVERLOADED_HEADER)) return undefined;
  return { kind: "response", status: head.status, isRaced: false };
}

function hasHeader({ headers }: ResponseHead, name: string): boolean {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return true;
  return false;
}

/** What a failed attempt means for a retry; undefined when another one would fail the same way. */
export function outcomeOf(failure: AttemptFailure, isRaced: boolean): Outcome | undefined {
  switch (failure) {
    case "connect-failed":
    case "connect-timeout":
      return { kind: "unsent", status: 0, isRaced: false };
    case "unsent":
      return { kind: "unsent", status: 0, isRaced };
    case "died":
      return { kind: "died", status: 0, isRaced };
    case "stalled":
      return { kind: "died", status: 0, isRaced: false };
    case "protocol":
      return { kind: "protocol", status: 0, isRaced: false };
    case "try-timeout":
      return { kind: "timeout", status: 0, isRaced: false };
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
