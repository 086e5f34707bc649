import { PICKS_MAX } from "../../shared/limits.ts";
import type { Random } from "../../shared/random.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { Choice } from "./endpoint-choice.ts";

/**
 * The endpoint of a retry: one that was not tried yet, if there is any (Envoy `previous_hosts`).
 *
 * A few picks keep to the policy. They are not enough alone: least-request finds an endpoint that refuses every connection the
 * least busy of all each time, and a heavy endpoint comes up five times in a row. Then chance decides among the others.
 * Undefined when the cluster has no usable endpoint; a tried one when there is no other.
 */
export function pickUntried(
  choice: Pick<Choice, "picker" | "eligible">,
  tried: readonly EndpointState[],
  random: Random,
  nowMs: number,
): EndpointState | undefined {
  let picked: EndpointState | undefined;
  for (let picks = 0; picks < PICKS_MAX; picks += 1) {
    picked = choice.picker.pick(-1, random, nowMs);
    if (picked === undefined || !tried.includes(picked)) return picked;
  }
  const others = choice.eligible.filter((state) => !tried.includes(state));
  return others.length === 0 ? picked : others[random.below(others.length)];
}
