import type { RateLimitDescriptor } from "../generated/envoy/extensions/common/ratelimit/v3/ratelimit.ts";
import { RateLimitRequest, type RateLimitResponse } from "../generated/envoy/service/ratelimit/v3/rls.ts";
import type { RateLimitKey } from "../model/rate-limit.ts";
import type { LeaseGrant, LeaseWish } from "../model/token-lease.ts";
import { decodeDuration } from "./duration-wire.ts";

/**
 * How Heddle's proxies ask for blocks of tokens over Envoy's rate limit service. A descriptor with the entry
 * `heddle.lease` takes what there is, up to its `hits_addend`, where one without takes all or nothing; with
 * `is_negative_hits` it gives back. The answer tells what each descriptor got in `dynamic_metadata`, beside Envoy's codes.
 */
const LEASE_ENTRY = "heddle.lease";
const GRANTED_KEY = "heddle.granted";

export function leaseRequest(domain: string, by: RateLimitKey, wishes: readonly LeaseWish[]): RateLimitRequest {
  return RateLimitRequest.fromPartial({
    domain,
    descriptors: wishes.map(({ key, tokens }) => ({
      entries: [
        { key: by.kind === "header" ? by.name : by.kind, value: key },
        { key: LEASE_ENTRY, value: "" },
      ],
      hitsAddend: BigInt(Math.abs(tokens)),
      isNegativeHits: tokens < 0,
    })),
  });
}

/** In the order of the wishes; undefined: not an answer of a coordinator that knows leases. */
export function readGrants(response: RateLimitResponse, wishes: number): readonly LeaseGrant[] | undefined {
  const granted: unknown = response.dynamicMetadata?.[GRANTED_KEY];
  if (!Array.isArray(granted) || granted.length !== wishes || response.statuses.length !== wishes) return undefined;
  return response.statuses.map(({ durationUntilReset }, index) => {
    const count: unknown = granted[index];
    return {
      granted: typeof count === "number" && count > 0 ? count : 0,
      waitMs: durationUntilReset === undefined ? 0 : decodeDuration(durationUntilReset),
    };
  });
}

export function isLease({ entries }: RateLimitDescriptor): boolean {
  return entries.some(({ key }) => key === LEASE_ENTRY);
}

/** What a descriptor's bucket is known by, whether it is a lease or not. Lengths keep two lists from looking alike. */
export function descriptorKey({ entries }: RateLimitDescriptor): string {
  let key = "";
  for (const entry of entries) {
    if (entry.key !== LEASE_ENTRY) key += `${entry.key.length}:${entry.key}=${entry.value.length}:${entry.value};`;
  }
  return key;
}

export function grantsMetadata(granted: readonly number[]): { readonly [key: string]: readonly number[] } {
  return { [GRANTED_KEY]: granted };
}
