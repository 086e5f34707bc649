import { type FaultAbort, HTTPFault } from "../generated/envoy/extensions/filters/http/fault/v3/fault.ts";
import type { FaultDelay } from "../generated/envoy/extensions/filters/common/fault/v3/fault.ts";
import type { FaultPolicy } from "../model/route.ts";
import { violation, type Violation } from "../violation.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { fractionMessage, readFraction } from "./fraction-wire.ts";
import { headerMessage, readHeaders } from "./match-wire.ts";
import { faultAbortRules, faultDelayRules, faultRules } from "./route-rules.ts";

/** Everything but its end, for which Envoy has no field (RoutePolicy.fault_until_wall_ms). */
export function faultMessage({ delay, abort, headers }: FaultPolicy): HTTPFault {
  return HTTPFault.fromPartial({
    ...(delay === undefined
      ? {}
      : {
          delay: {
            faultDelaySecifier: { $case: "fixedDelay", value: encodeDuration(delay.ms) },
            percentage: fractionMessage(delay.percent),
          },
        }),
    ...(abort === undefined
      ? {}
      : {
          abort: {
            errorType: { $case: "httpStatus", value: abort.status },
            percentage: fractionMessage(abort.percent),
          },
        }),
    headers: headers.map(headerMessage),
  });
}

/** Undefined for a message that asks for nothing. */
export function readFault(message: HTTPFault, path: string, found: Violation[]): FaultPolicy | undefined {
  refuseUnsupported(message, faultRules, path, found);
  const { delay, abort } = message;
  if (delay === undefined && abort === undefined) return undefined;
  return {
    delay: delay === undefined ? undefined : readDelay(delay, join(path, "delay"), found),
    abort: abort === undefined ? undefined : readAbort(abort, join(path, "abort"), found),
    headers: readHeaders(message.headers, path, found),
    untilWallMs: undefined,
  };
}

function readDelay(message: FaultDelay, path: string, found: Violation[]): NonNullable<FaultPolicy["delay"]> {
  refuseUnsupported(message, faultDelayRules, path, found);
  const specifier = message.faultDelaySecifier;
  if (specifier?.$case === "headerDelay") {
    found.push(violation(join(path, "header_delay"), "is not supported by Heddle"));
    return { percent: 0, ms: 0 };
  }
  const ms = readPositiveMs(specifier?.value, undefined, join(path, "fixed_delay"), found);
  return { percent: percentOf(message), ms };
}

function readAbort(message: FaultAbort, path: string, found: Violation[]): NonNullable<FaultPolicy["abort"]> {
  refuseUnsupported(message, faultAbortRules, path, found);
  const error = message.errorType;
  if (error?.$case !== "httpStatus") {
    found.push(violation(path, `${error?.$case ?? "no error_type"} is not supported by Heddle, only http_status`));
    return { percent: 0, status: 0 };
  }
  if (error.value < 200 || error.value > 599) {
    found.push(violation(join(path, "http_status"), `${error.value} is not in 200-599`));
  }
  return { percent: percentOf(message), status: error.value };
}

/** Unset is 0: a fault that has no share injects nothing. */
function percentOf({ percentage }: FaultAbort | FaultDelay): number {
  return percentage === undefined ? 0 : readFraction(percentage);
}
