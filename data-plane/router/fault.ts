import type { FaultPolicy } from "../../shared/model/route.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { RequestHead } from "../http1/message.ts";
import { compileHeaderMatch, type HeaderTest } from "./header-match.ts";

/**
 * Faults of one route. Each is drawn by itself, so that a request can be delayed and then refused (seed F2.34); the delay
 * comes first (Envoy's fault filter). Chance comes in as `unit` in [0, 1).
 */
export class Fault {
  readonly #policy: FaultPolicy;
  readonly #headers: readonly HeaderTest[];

  constructor(policy: FaultPolicy, headers: readonly HeaderTest[]) {
    this.#policy = policy;
    this.#headers = headers;
  }

  /** Whether it is meant for this request, and has not run out: a fault that is forgotten ends by itself. */
  appliesTo(head: RequestHead, nowWallMs: number): boolean {
    const { untilWallMs } = this.#policy;
    if (untilWallMs !== undefined && nowWallMs >= untilWallMs) return false;
    for (const header of this.#headers) if (!header.matches(head)) return false;
    return true;
  }

  /** How long to hold the request; 0: not at all. */
  delayMs(unit: number): number {
    const { delay } = this.#policy;
    return delay !== undefined && unit * 100 < delay.percent ? delay.ms : 0;
  }

  /** The status to refuse it with; 0: not at all. */
  abortStatus(unit: number): number {
    const { abort } = this.#policy;
    return abort !== undefined && unit * 100 < abort.percent ? abort.status : 0;
  }
}

/** `path` is the place of the HTTPFault in its resource. */
export function compileFault(policy: FaultPolicy, path: string, violations: Violation[]): Fault {
  const { delay, abort } = policy;
  if (delay !== undefined) checkPercent(delay.percent, `${path}.delay.percentage`, violations);
  if (delay !== undefined && !(delay.ms >= 0)) {
    violations.push(violation(`${path}.delay.fixed_delay`, `${delay.ms} ms is not 0 or more`));
  }
  if (abort !== undefined) checkPercent(abort.percent, `${path}.abort.percentage`, violations);
  if (abort !== undefined && !(Number.isInteger(abort.status) && abort.status >= 200 && abort.status <= 599)) {
    violations.push(violation(`${path}.abort.http_status`, `${abort.status} is not in 200-599`));
  }
  const headers = policy.headers.map((header, index) =>
    compileHeaderMatch(header, `${path}.headers[${index}]`, violations),
  );
  return new Fault(policy, headers);
}

function checkPercent(percent: number, path: string, violations: Violation[]): void {
  if (!(percent >= 0 && percent <= 100)) violations.push(violation(path, `${percent} % is not in 0-100`));
}
