import { unreachable } from "../../shared/assert.ts";
import type { AttemptFailure } from "./attempt.ts";
import type { Outcome } from "./decide-retry.ts";
import type { LocalReason } from "./local-reply.ts";

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
