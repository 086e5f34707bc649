/**
 * A token bucket for each client, enforced where the requests arrive (Envoy's `LocalRateLimit` in `typed_per_filter_config`;
 * global ones through Envoy's RateLimitService). The bucket starts full.
 */
export interface RateLimitPolicy {
  /** The service whose limit it is; the domain of a global one. */
  readonly name: string;
  /** Tokens that come back in `perMs`. */
  readonly requests: number;
  readonly perMs: number;
  /** The size of the bucket. */
  readonly burst: number;
  readonly by: RateLimitKey;
  /** `global`: shared by all proxies of the service, in leases from the control plane. */
  readonly scope: "local" | "global";
  /** What a global limit does before its first lease when nobody grants one. Afterwards each goes on with its share. */
  readonly failOpen: boolean;
}

/** Whose bucket a request takes from. `client`: the caller's identity, else its name, else its address. */
export type RateLimitKey =
  | { readonly kind: "client" }
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "total" };
