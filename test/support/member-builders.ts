import type { Member } from "../../data-plane/balancer/eligible.ts";
import { makePicker, type Handover, type MadePicker } from "../../data-plane/balancer/make-picker.ts";
import { EndpointState } from "../../data-plane/runtime/endpoint-state.ts";
import type { EndpointState as State } from "../../data-plane/runtime/endpoint-state.ts";
import type { Picker } from "../../data-plane/balancer/picker.ts";
import type { LbPolicy } from "../../shared/model/cluster.ts";
import type { Random } from "../../shared/random.ts";

/** An endpoint `10.0.0.<n>:80`, healthy, of weight 1, unless told otherwise. */
export function member(n: number, parts: Partial<Omit<Member, "state">> = {}): Member {
  const host = `10.0.${n >> 8}.${n & 255}`;
  return {
    state: new EndpointState(`${host}:80`, { host, port: 80 }),
    weight: 1,
    health: "healthy",
    priority: 0,
    ...parts,
  };
}

/** One endpoint for each weight. */
export function membersOf(weights: readonly number[]): Member[] {
  return weights.map((weight, n) => member(n, { weight }));
}

/** A picker over all of the members, as one group. */
export function pickerOver(
  policy: LbPolicy,
  members: readonly Member[],
  random: Random,
  before?: Handover,
): MadePicker {
  const groups = members.length === 0 ? [] : [{ members, loadPercent: 100 }];
  return makePicker(policy, { groups, isInPanic: false }, before, random);
}

/** How many of `picks` went to each member; `hashOf` makes the hash of the n-th pick. */
export function countPicks(
  picker: Picker,
  members: readonly Member[],
  picks: number,
  random: Random,
  hashOf: (n: number) => number = () => -1,
): number[] {
  const counts = new Map<State | undefined, number>(members.map(({ state }) => [state, 0]));
  for (let n = 0; n < picks; n += 1) {
    const picked = picker.pick(hashOf(n), random, 0);
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  return [...counts.values()];
}
