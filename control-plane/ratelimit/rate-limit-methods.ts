import { status } from "@grpc/grpc-js";

import type { Clock } from "../../shared/clock.ts";
import { HITS_ADDEND_MAX, RATE_LIMIT_DESCRIPTOR_CHARS_MAX, RATE_LIMIT_DESCRIPTORS_MAX } from "../../shared/limits.ts";
import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { encodeDuration } from "../../shared/wire/duration-wire.ts";
import {
  RateLimitResponse_Code,
  RateLimitResponse_RateLimit_Unit,
  RateLimitServiceService,
  type RateLimitRequest,
  RateLimitResponse,
} from "../../shared/wire/rate-limit-api.ts";
import { descriptorKey, grantsMetadata, isLease } from "../../shared/wire/token-lease-wire.ts";
import type { CallEnd } from "../grpc/call-end.ts";
import type { Method } from "../grpc/grpc-endpoint.ts";
import { unaryMethod } from "../grpc/unary-method.ts";
import type { TokenCoordinator, TokenDemand, TokenGrant } from "../../shared/token-coordinator.ts";

export interface RateLimitMethodsOptions {
  readonly coordinator: TokenCoordinator;
  /** The limit of a domain, which is a service; undefined: it has none. */
  readonly limitOf: (domain: string) => RateLimitPolicy | undefined;
  readonly clock: Clock;
}

/**
 * Envoy's RateLimitService over the coordinator: any Envoy may ask, and Heddle's proxies take their leases here. The limit
 * is that of the catalog: a caller cannot bring its own (`descriptor.limit` is not read). As with Envoy's own service, each
 * descriptor is charged, whatever becomes of the others, and any one over its limit makes the whole OVER_LIMIT; a domain without a limit is OK.
 */
export function rateLimitMethods({ coordinator, limitOf, clock }: RateLimitMethodsOptions): readonly Method[] {
  const shouldRateLimit = unaryMethod(RateLimitServiceService.shouldRateLimit, async (request) => {
    const refusal = refusalOf(request);
    if (refusal !== undefined) return refuse(refusal);
    const limit = limitOf(request.domain);
    if (limit === undefined) {
      coordinator.forget(request.domain);
      return ok(unlimited(request));
    }
    const rate = { tokensPerMs: limit.requests / limit.perMs, burst: limit.burst };
    const nowMs = clock.nowMs();
    const grants = demandsOf(request, limit).map((demand) => coordinator.decide(request.domain, rate, demand, nowMs));
    return ok(answer(request, limit, grants));
  });
  return [shouldRateLimit];
}

function refusalOf({ domain, descriptors, hitsAddend }: RateLimitRequest): string | undefined {
  if (domain === "") return "domain: must name a service";
  if (descriptors.length === 0) return "descriptors: must not be empty";
  if (descriptors.length > RATE_LIMIT_DESCRIPTORS_MAX) {
    return `descriptors: has ${descriptors.length}; at most ${RATE_LIMIT_DESCRIPTORS_MAX}`;
  }
  if (hitsAddend > HITS_ADDEND_MAX) return `hits_addend: is ${hitsAddend}; at most ${HITS_ADDEND_MAX}`;
  for (const [index, descriptor] of descriptors.entries()) {
    const { entries, hitsAddend: own } = descriptor;
    const path = `descriptors[${index}]`;
    if (entries.length === 0) return `${path}.entries: must not be empty`;
    const chars = descriptorKey(descriptor).length;
    if (chars > RATE_LIMIT_DESCRIPTOR_CHARS_MAX) {
      return `${path}.entries: have ${chars} characters; at most ${RATE_LIMIT_DESCRIPTOR_CHARS_MAX}`;
    }
    if ((own ?? 0n) > HITS_ADDEND_MAX) return `${path}.hits_addend: is ${own}; at most ${HITS_ADDEND_MAX}`;
  }
  return undefined;
}

function refuse(details: string): Result<never, CallEnd> {
  return err({ code: status.INVALID_ARGUMENT, details });
}

function demandsOf({ descriptors, hitsAddend }: RateLimitRequest, { by }: RateLimitPolicy): readonly TokenDemand[] {
  return descriptors.map((descriptor) => ({
    key: by.kind === "total" ? "" : descriptorKey(descriptor),
    // A request that says nothing counts once.
    tokens: Number(descriptor.hitsAddend ?? (hitsAddend === 0 ? 1 : hitsAddend)),
    kind: descriptor.isNegativeHits ? "return" : isLease(descriptor) ? "lease" : "all",
  }));
}

/** Nothing holds a caller back; who asked for a lease gets all of it. */
function unlimited(request: RateLimitRequest): RateLimitResponse {
  const granted = request.descriptors.map(({ hitsAddend }) => Number(hitsAddend ?? 1n));
  return RateLimitResponse.fromPartial({
    overallCode: RateLimitResponse_Code.OK,
    statuses: request.descriptors.map(() => ({ code: RateLimitResponse_Code.OK })),
    dynamicMetadata: metadataOf(request, granted),
  });
}

function answer(request: RateLimitRequest, limit: RateLimitPolicy, grants: readonly TokenGrant[]): RateLimitResponse {
  const { OK, OVER_LIMIT } = RateLimitResponse_Code;
  const currentLimit = currentLimitOf(limit);
  const granted = grants.map((grant) => grant.granted);
  return RateLimitResponse.fromPartial({
    overallCode: grants.every(({ isWhole }) => isWhole) ? OK : OVER_LIMIT,
    statuses: grants.map(({ isWhole, remaining, waitMs }) => ({
      code: isWhole ? OK : OVER_LIMIT,
      currentLimit,
      limitRemaining: remaining,
      durationUntilReset: encodeDuration(Math.ceil(waitMs)),
    })),
    dynamicMetadata: metadataOf(request, granted),
  });
}

/** Only for those who know it: Envoy would put it into its logs. */
function metadataOf(
  request: RateLimitRequest,
  granted: readonly number[],
): ReturnType<typeof grantsMetadata> | undefined {
  return request.descriptors.some(isLease) ? grantsMetadata(granted) : undefined;
}

/** The shortest unit that holds the window; what is no whole number of them is told per second. */
function currentLimitOf({ name, requests, perMs }: RateLimitPolicy): {
  readonly name: string;
  readonly requestsPerUnit: number;
  readonly unit: RateLimitResponse_RateLimit_Unit;
} {
  const { SECOND, MINUTE, HOUR, DAY } = RateLimitResponse_RateLimit_Unit;
  const units = [
    [SECOND, 1_000],
    [MINUTE, 60_000],
    [HOUR, 3_600_000],
    [DAY, 86_400_000],
  ] as const;
  const [unit, unitMs] = units.find(([, ms]) => ms % perMs === 0) ?? units[0];
  return { name, requestsPerUnit: Math.max(1, Math.round((requests * unitMs) / perMs)), unit };
}
