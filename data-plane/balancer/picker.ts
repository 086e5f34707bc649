import type { Random } from "../../shared/random.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";

/**
 * Chooses among a cluster's usable endpoints. Built off the request path; health, ejections, priority and panic are
 * settled then. Hot: `pick` allocates nothing. Laws, tested on every kind: it returns only endpoints it was built
 * with; with none it returns undefined; shares follow weights; equal hashes give equal endpoints for the hashing kinds.
 */
export interface Picker {
  /** `hash` is an unsigned 32-bit number, or -1 for none. `nowMs` may lag behind by the age of the request. */
  pick(hash: number, random: Random, nowMs: number): EndpointState | undefined;
}
