import type { RuntimeFractionalPercent } from "../generated/envoy/config/core/v3/base.ts";
import type { RateLimit_Action } from "../generated/envoy/config/route/v3/route_components.ts";
import { LocalRateLimit } from "../generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.ts";
import { TokenBucket } from "../generated/envoy/type/v3/token_bucket.ts";
import { RATE_LIMIT_KEYS_MAX } from "../limits.ts";
import type { RateLimitKey, RateLimitPolicy } from "../model/rate-limit.ts";
import { violation, type Violation } from "../violation.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { fractionMessage, readFraction } from "./fraction-wire.ts";
import { readWithin, SOME } from "./range-wire.ts";
import { localRateLimitRules, rateLimitActionsRules } from "./route-rules.ts";

const TOO_MANY_REQUESTS = 429;
/** What Envoy calls the value of its `remote_address` action. */
const REMOTE_ADDRESS = "remote_address";

/**
 * The limit as an Envoy can keep it: in this one proxy, a client being its address. An open descriptor value gives each
 * value a bucket of its own; what has none shares the default bucket, which the others leave alone.
 */
export function localRateLimitMessage(policy: RateLimitPolicy): LocalRateLimit {
  const tokenBucket = TokenBucket.fromPartial({
    maxTokens: policy.burst,
    tokensPerFill: policy.requests,
    fillInterval: encodeDuration(policy.perMs),
  });
  const always = { defaultValue: fractionMessage(100) };
  return LocalRateLimit.fromPartial({
    statPrefix: policy.name,
    tokenBucket,
    // Both are 0 % when unset: nothing would be limited.
    filterEnabled: always,
    filterEnforced: always,
    ...keyedFields(policy.by, tokenBucket),
  });
}

function keyedFields(by: RateLimitKey, tokenBucket: TokenBucket): Parameters<typeof LocalRateLimit.fromPartial>[0] {
  if (by.kind === "total") return {};
  const [key, action] = by.kind === "client" ? byAddress : byHeader(by.name);
  return {
    descriptors: [{ entries: [{ key, value: "" }], tokenBucket }],
    rateLimits: [{ actions: [{ actionSpecifier: action }] }],
    alwaysConsumeDefaultTokenBucket: false,
    maxDynamicDescriptors: RATE_LIMIT_KEYS_MAX,
  };
}

type KeyAction = readonly [key: string, action: NonNullable<RateLimit_Action["actionSpecifier"]>];

const byAddress: KeyAction = [REMOTE_ADDRESS, { $case: "remoteAddress", value: {} }];

function byHeader(headerName: string): KeyAction {
  return [
    headerName,
    { $case: "requestHeaders", value: { headerName, descriptorKey: headerName, skipIfAbsent: false } },
  ];
}

/** Undefined for a limit that refuses nothing, as Envoy's does until both of its shares are set. */
export function readLocalRateLimit(
  message: LocalRateLimit,
  path: string,
  found: Violation[],
): RateLimitPolicy | undefined {
  refuseUnsupported(message, localRateLimitRules, path, found);
  const bucket = message.tokenBucket;
  const isEnabled = isWhole(message.filterEnabled, join(path, "filter_enabled"), found);
  const isEnforced = isWhole(message.filterEnforced, join(path, "filter_enforced"), found);
  if (bucket === undefined || !isEnabled || !isEnforced) return undefined;
  const status = message.status?.code ?? TOO_MANY_REQUESTS;
  // Envoy answers 429, too, when told a status below 400.
  if (status >= 400 && status !== TOO_MANY_REQUESTS) {
    found.push(violation(join(path, "status"), `${status} is not 429`));
  }
  return {
    name: message.statPrefix,
    requests: readWithin(bucket.tokensPerFill ?? 1, SOME, join(path, "token_bucket.tokens_per_fill"), found),
    perMs: readPositiveMs(bucket.fillInterval, undefined, join(path, "token_bucket.fill_interval"), found),
    burst: readWithin(bucket.maxTokens, SOME, join(path, "token_bucket.max_tokens"), found),
    by: readKey(message, path, found),
    scope: "local",
    failOpen: true,
  };
}

/** All or none; a share of the requests is refused, like every chance that a reader could not tell from a fault. */
function isWhole(fraction: RuntimeFractionalPercent | undefined, path: string, found: Violation[]): boolean {
  const percent = fraction?.defaultValue === undefined ? 0 : readFraction(fraction.defaultValue);
  if (percent > 0 && percent < 100) found.push(violation(path, `${percent} % is neither 0 nor 100`));
  return percent > 0;
}

/** One bucket for all, or one open descriptor that is made from the client's address or from a header. */
function readKey(message: LocalRateLimit, path: string, found: Violation[]): RateLimitKey {
  const [descriptor, ...moreDescriptors] = message.descriptors;
  if (descriptor === undefined) return { kind: "total" };
  const [limit, ...moreLimits] = message.rateLimits;
  const [action, ...moreActions] = limit?.actions ?? [];
  const made = action === undefined ? undefined : keyMadeBy(action);
  const [entry, ...moreEntries] = descriptor.entries;
  const isOne = moreDescriptors.length + moreEntries.length + moreLimits.length + moreActions.length === 0;
  if (!isOne || made === undefined || entry?.key !== made.key || entry.value !== "") {
    const words = "must be one entry without a value, made by rate_limits from remote_address or request_headers";
    found.push(violation(join(path, "descriptors"), words));
    return { kind: "total" };
  }
  if (limit !== undefined) refuseUnsupported(limit, rateLimitActionsRules, join(path, "rate_limits[0]"), found);
  if (message.alwaysConsumeDefaultTokenBucket !== false) {
    const words = "must be false: Heddle takes a request's token from one bucket";
    found.push(violation(join(path, "always_consume_default_token_bucket"), words));
  }
  return made.by;
}

function keyMadeBy({ actionSpecifier: action }: RateLimit_Action): { key: string; by: RateLimitKey } | undefined {
  if (action?.$case === "remoteAddress") return { key: REMOTE_ADDRESS, by: { kind: "client" } };
  if (action?.$case !== "requestHeaders") return undefined;
  return { key: action.value.descriptorKey, by: { kind: "header", name: action.value.headerName.toLowerCase() } };
}
