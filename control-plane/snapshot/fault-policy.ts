import type { FaultPolicy } from "../../shared/model/route.ts";
import type { ServicePolicy } from "../catalog/service-policy.ts";
import { headerMatches } from "./header-matches.ts";

/** The fault of a policy that is on, for routes of those whom it concerns. Whether it is over is decided before. */
export function faultPolicy(policy: ServicePolicy): FaultPolicy {
  const { faultDelayPercent, faultDelayMs, faultAbortPercent, faultAbortStatus, faultUntil } = policy;
  return {
    delay:
      faultDelayMs === null || faultDelayPercent === 0 ? undefined : { percent: faultDelayPercent, ms: faultDelayMs },
    abort:
      faultAbortStatus === null || faultAbortPercent === 0
        ? undefined
        : { percent: faultAbortPercent, status: faultAbortStatus },
    headers: headerMatches(policy.faultHeaderMatch),
    untilWallMs: faultUntil === null ? undefined : Date.parse(faultUntil),
  };
}
