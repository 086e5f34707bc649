import { unreachable } from "../../shared/assert.ts";
import type { LbPolicy } from "../../shared/model/cluster.ts";
import type { Random } from "../../shared/random.ts";
import type { Eligibility, Member } from "./eligible.ts";
import { HashingPicker, inAddressOrder } from "./hashing.ts";
import { LeastRequestPicker } from "./least-request.ts";
import { buildMaglev } from "./maglev.ts";
import { PeakEwmaPicker } from "./peak-ewma.ts";
import { PriorityPicker } from "./priority-picker.ts";
import { RandomPicker } from "./random.ts";
import { buildRing } from "./ring-hash.ts";
import { roundRobin, type RoundRobinPicker, type Waits } from "./round-robin.ts";
import type { Picker } from "./picker.ts";

/** What a picker leaves to the one that replaces it after a change of its cluster. */
export interface Handover {
  readonly waits: Waits;
  /** Requests with a hash came: the next table is built before it is needed. */
  readonly hasHashed: boolean;
}

export interface MadePicker {
  readonly picker: Picker;
  /** Reads the picker's state as it is now. */
  handOver(): Handover;
}

/** `before` is what the cluster's last picker left, if there was one. */
export function makePicker(
  policy: LbPolicy,
  { groups }: Eligibility,
  before: Handover | undefined,
  random: Random,
): MadePicker {
  const rounds: RoundRobinPicker[] = [];
  const hashers: HashingPicker[] = [];
  const pickers = groups.map(({ members }): Picker => {
    switch (policy.kind) {
      case "round-robin":
        return newRound(members);
      case "least-request":
        return new LeastRequestPicker(members, policy.choices);
      case "peak-ewma":
        return new PeakEwmaPicker(members, policy);
      case "random":
        return new RandomPicker(members);
      case "ring-hash":
        return newHasher(members, (ordered) => buildRing(ordered, policy.ringSizeMin, policy.ringSizeMax));
      case "maglev":
        return newHasher(members, (ordered) => buildMaglev(ordered, policy.tableSize));
      default:
        return unreachable(policy);
    }
  });
  return { picker: joined(pickers, groups), handOver: () => handOver(rounds, hashers) };

  function newRound(members: readonly Member[]): RoundRobinPicker {
    const round = roundRobin(members, before?.waits, random);
    rounds.push(round);
    return round;
  }

  function newHasher(
    members: readonly Member[],
    build: (ordered: readonly Member[]) => ReturnType<typeof buildRing>,
  ): Picker {
    const ordered = inAddressOrder(members);
    const hasher = new HashingPicker(ordered, () => build(ordered), newRound(members));
    if (before?.hasHashed === true) hasher.prepare();
    hashers.push(hasher);
    return hasher;
  }
}

const nobody: Picker = { pick: () => undefined };

function joined(pickers: readonly Picker[], groups: Eligibility["groups"]): Picker {
  const [only] = pickers;
  if (only === undefined) return nobody;
  return pickers.length === 1
    ? only
    : new PriorityPicker(
        pickers,
        groups.map(({ loadPercent }) => loadPercent),
      );
}

function handOver(rounds: readonly RoundRobinPicker[], hashers: readonly HashingPicker[]): Handover {
  return {
    waits: new Map(rounds.flatMap((round) => [...round.waits()])),
    hasHashed: hashers.some((hasher) => hasher.hasHashed),
  };
}
