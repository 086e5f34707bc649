import type { Endpoint } from "../../shared/model/cluster.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";

/** An endpoint of the configuration and what is known of it. */
export interface Member {
  readonly state: EndpointState;
  /** 1 or more. */
  readonly weight: number;
  readonly health: Endpoint["health"];
  readonly priority: number;
}

/** Endpoints that share traffic by weight, and the group's part of the cluster's requests. */
export interface EligibleGroup {
  readonly members: readonly Member[];
  /** Whole percent, 1-100. The groups of a cluster sum to 100. */
  readonly loadPercent: number;
}

export interface Eligibility {
  /** Empty: no endpoint may be used. One, unless a priority has too few healthy endpoints to carry everything. */
  readonly groups: readonly EligibleGroup[];
  readonly isInPanic: boolean;
}

/** A priority carries all load while 1/1.4 (72 %) of it is healthy (Envoy `overprovisioning_factor`). */
const OVERPROVISIONING = 1.4;

/**
 * Which endpoints of a cluster count, settled when the configuration is compiled.
 *
 * - Draining endpoints are never used and count for nothing: they leave on purpose (semantics.md 6, 9; envoy#30622).
 * - Load spills to the next priority in the measure in which the former lacks healthy endpoints, as in Envoy.
 * - Panic: when the priorities together cannot carry the load and fewer than the threshold of a priority's endpoints are
 *   healthy, health is ignored there: that much failing at once is more likely a wrong probe than so many
 *   broken endpoints, and the few healthy ones would be flooded. Not for a single endpoint, which has nobody to shield.
 */
export function eligibleEndpoints(members: readonly Member[], panicThresholdPercent: number): Eligibility {
  const levels = priorityLevels(members.filter(({ health }) => health !== "draining"));
  const size = levels.reduce((sum, level) => sum + level.all.length, 0);
  const total = Math.min(
    100,
    levels.reduce((sum, level) => sum + level.capacityPercent, 0),
  );
  const mayPanic = size >= 2 && total < 100;
  if (total === 0) return mayPanic && panicThresholdPercent > 0 ? everyone(levels) : { groups: [], isInPanic: false };
  const loads = loadPercents(levels, total);
  let isInPanic = false;
  const groups: EligibleGroup[] = [];
  for (const [index, level] of levels.entries()) {
    const panics = mayPanic && 100 * level.healthy.length < panicThresholdPercent * level.all.length;
    const loadPercent = loads[index] ?? 0;
    isInPanic ||= panics && loadPercent > 0;
    if (loadPercent > 0) groups.push({ members: panics ? level.all : level.healthy, loadPercent });
  }
  return { groups, isInPanic };
}

interface PriorityLevel {
  readonly all: readonly Member[];
  readonly healthy: readonly Member[];
  /** Percent of the cluster's load that its healthy endpoints may carry. */
  readonly capacityPercent: number;
}

function priorityLevels(members: readonly Member[]): PriorityLevel[] {
  const priorities = [...new Set(members.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.map((wanted) => {
    const all = members.filter(({ priority }) => priority === wanted);
    const healthy = all.filter(({ health }) => health === "healthy");
    return {
      all,
      healthy,
      capacityPercent: Math.min(100, Math.floor((100 * OVERPROVISIONING * healthy.length) / all.length)),
    };
  });
}

/** Fills the priorities in order; when they cannot carry everything together, in proportion to what they can. */
function loadPercents(levels: readonly PriorityLevel[], total: number): number[] {
  let left = 100;
  const loads = levels.map(({ capacityPercent }) => {
    const load = Math.min(left, Math.floor((100 * capacityPercent) / total));
    left -= load;
    return load;
  });
  // What rounding left over goes to the first that carries anything, as in Envoy.
  const first = loads.findIndex((load) => load > 0);
  return loads.map((load, index) => (index === first ? load + left : load));
}

function everyone(levels: readonly PriorityLevel[]): Eligibility {
  return { groups: [{ members: levels.flatMap(({ all }) => all), loadPercent: 100 }], isInPanic: true };
}
