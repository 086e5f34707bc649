import type { LbPolicy } from "../../shared/model/cluster.ts";
import type { Random } from "../../shared/random.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import { eligibleEndpoints, type Member } from "./eligible.ts";
import { makePicker, type Handover, type MadePicker } from "./make-picker.ts";
import type { Picker } from "./picker.ts";

/** Which endpoints of a cluster may be picked now, and how. Never changed, only replaced whole. */
export interface Choice {
  readonly picker: Picker;
  /** Those the picker may return: for a retry that must not meet an endpoint again, and to count them. */
  readonly eligible: readonly EndpointState[];
  /** So few endpoints are usable that health and ejections are ignored (semantics.md 6); for `heddle_lb_panic`. */
  readonly isInPanic: boolean;
  /** All endpoints of the cluster, usable or not, as they are configured. */
  readonly members: readonly Member[];
  /** For whatever replaces it. */
  handOver(): Handover | undefined;
  /** The same endpoints and policy, for what is known of the endpoints now. Not for the request path: it may build tables. */
  revised(standings: Standings): Choice;
}

/** What was learnt of an endpoint and its configuration does not say. */
export interface Standing {
  /** Ejected, or failing its checks: as unusable as one that is configured `unhealthy`. */
  readonly isOut: boolean;
  /** Share of its weight in (0, 1]: below 1 while it starts slowly. */
  readonly weightShare: number;
}

/** Endpoints that it does not name stand as they are configured. */
export type Standings = ReadonlyMap<EndpointState, Standing>;

export const PLAIN: Standings = new Map();

/** How the endpoints of a cluster share its requests, as configured. */
export interface Balancing {
  readonly lb: LbPolicy;
  readonly panicThresholdPercent: number;
  readonly members: readonly Member[];
}

/** The choice among the endpoints of a compiled cluster. */
export class EndpointChoice implements Choice {
  readonly eligible: readonly EndpointState[];
  readonly isInPanic: boolean;
  readonly #balancing: Balancing;
  readonly #random: Random;
  readonly #made: MadePicker;

  /** `before` is what the choice that it replaces has handed over. */
  constructor(balancing: Balancing, standings: Standings, before: Handover | undefined, random: Random) {
    const { lb, members, panicThresholdPercent } = balancing;
    const standing = standings.size === 0 ? members : members.map((member) => revisedMember(member, standings, lb));
    const eligibility = eligibleEndpoints(standing, panicThresholdPercent);
    this.#balancing = balancing;
    this.#random = random;
    this.#made = makePicker(lb, eligibility, before, random);
    this.eligible = eligibility.groups.flatMap((group) => group.members.map(({ state }) => state));
    this.isInPanic = eligibility.isInPanic;
  }

  get picker(): Picker {
    return this.#made.picker;
  }

  get members(): readonly Member[] {
    return this.#balancing.members;
  }

  handOver(): Handover {
    return this.#made.handOver();
  }

  revised(standings: Standings): EndpointChoice {
    return new EndpointChoice(this.#balancing, standings, this.handOver(), this.#random);
  }
}

function revisedMember(member: Member, standings: Standings, lb: LbPolicy): Member {
  const standing = standings.get(member.state);
  if (standing === undefined) return member;
  const health = standing.isOut && member.health === "healthy" ? "unhealthy" : member.health;
  return { ...member, health, weight: startsSlowly(lb) ? member.weight * standing.weightShare : member.weight };
}

/** A table of hashes would move keys at every step, and the others look at the endpoint's answers themselves (Envoy, too). */
function startsSlowly({ kind }: LbPolicy): boolean {
  return kind === "round-robin" || kind === "least-request";
}

/** Always the same, whatever is learnt of the endpoints: for clusters that no policy speaks of. */
export function fixedChoice(endpoints: readonly EndpointState[], picker: Picker): Choice {
  const choice: Choice = {
    picker,
    eligible: endpoints,
    isInPanic: false,
    members: endpoints.map((state) => ({ state, weight: 1, health: "healthy", priority: 0 })),
    handOver: () => undefined,
    revised: () => choice,
  };
  return choice;
}
