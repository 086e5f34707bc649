import { ENVOY_RETRY_AFTER_MAX_MS, RETRY_BACKOFF_BASE_MS } from "../defaults.ts";
import {
  RetryPolicy_ResetHeaderFormat as ResetHeaderFormat,
  RetryPolicy as RetryPolicyMessage,
} from "../generated/envoy/config/route/v3/route_components.ts";
import { PreviousHostsPredicate } from "../generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.ts";
import type { NodeKind } from "../model/node.ts";
import type { RetryPolicy } from "../model/route.ts";
import { violation, type Violation } from "../violation.ts";
import { packAny, typeUrlOf } from "./any.ts";
import { decodeDuration, encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { checkRepeatable, repeatableHeaders } from "./repeatable-wire.ts";
import { retryPolicyRules } from "./route-rules.ts";

const RETRY_AFTER = "retry-after";
const PREVIOUS_HOSTS = "envoy.retry_host_predicates.previous_hosts";

export function retryMessage(retry: RetryPolicy, kind: NodeKind): RetryPolicyMessage {
  const typedConfig = packAny(PreviousHostsPredicate, {});
  return RetryPolicyMessage.fromPartial({
    retryOn: retry.retryOn.join(","),
    numRetries: retry.retries,
    ...(retry.perTryTimeoutMs === undefined ? {} : { perTryTimeout: encodeDuration(retry.perTryTimeoutMs) }),
    ...(retry.avoidPrevious
      ? {
          retryHostPredicate: [{ name: PREVIOUS_HOSTS, configType: { $case: "typedConfig", value: typedConfig } }],
          // Envoy gives up on the predicate after this many picks; without it, after one.
          hostSelectionRetryMaxAttempts: 3n,
        }
      : {}),
    retriableStatusCodes: [...retry.retriableStatuses],
    retryBackOff: {
      baseInterval: encodeDuration(retry.backoffBaseMs),
      maxInterval: encodeDuration(retry.backoffMaxMs),
    },
    ...(retry.retryAfterMaxMs === 0 || kind === "grpc"
      ? {}
      : {
          rateLimitedRetryBackOff: {
            resetHeaders: [{ name: RETRY_AFTER, format: ResetHeaderFormat.SECONDS }],
            maxInterval: encodeDuration(retry.retryAfterMaxMs),
          },
        }),
    ...(kind === "envoy" ? { retriableRequestHeaders: repeatableHeaders(retry) } : {}),
  });
}

export function readRetryPolicy(message: RetryPolicyMessage, path: string, found: Violation[]): RetryPolicy {
  refuseUnsupported(message, retryPolicyRules, path, found);
  const { perTryTimeout } = message;
  const backoffBaseMs = readBackoffBase(message, path, found);
  const maxInterval = message.retryBackOff?.maxInterval;
  checkRepeatable(message.retriableRequestHeaders, join(path, "retriable_request_headers"), found);
  return {
    retryOn: message.retryOn
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== ""),
    retries: message.numRetries ?? 1,
    perTryTimeoutMs: perTryTimeout === undefined ? undefined : decodeDuration(perTryTimeout),
    retriableStatuses: message.retriableStatusCodes,
    backoffBaseMs,
    backoffMaxMs: maxInterval === undefined ? backoffBaseMs * 10 : decodeDuration(maxInterval),
    avoidPrevious: readPredicates(message, path, found),
    // Envoy would do twice what a POST asks for; Heddle's proxies do so only where Heddle's own policy allows it.
    retryNonIdempotent: false,
    retryAfterMaxMs: readRetryAfter(message, path, found),
    hedgeOnTryTimeout: false,
  };
}

/** Other reset headers are passed over, as Envoy does with one that it cannot read: the usual back-off remains. */
function readRetryAfter(message: RetryPolicyMessage, path: string, found: Violation[]): number {
  const backOff = message.rateLimitedRetryBackOff;
  const isHonoured = backOff?.resetHeaders.some(
    ({ name, format }) => name.toLowerCase() === RETRY_AFTER && format === ResetHeaderFormat.SECONDS,
  );
  if (backOff === undefined || isHonoured !== true) return 0;
  const at = join(path, "rate_limited_retry_back_off.max_interval");
  return readPositiveMs(backOff.maxInterval, ENVOY_RETRY_AFTER_MAX_MS, at, found);
}

function readBackoffBase(message: RetryPolicyMessage, path: string, found: Violation[]): number {
  if (message.retryBackOff === undefined) return RETRY_BACKOFF_BASE_MS;
  const base = message.retryBackOff.baseInterval;
  if (base !== undefined) return decodeDuration(base);
  found.push(violation(join(path, "retry_back_off.base_interval"), "must be set"));
  return RETRY_BACKOFF_BASE_MS;
}

function readPredicates(message: RetryPolicyMessage, path: string, found: Violation[]): boolean {
  for (const [index, predicate] of message.retryHostPredicate.entries()) {
    const typeUrl = predicate.configType?.value.typeUrl ?? "";
    // Older control planes name the predicate and give no configuration.
    if (typeUrl === typeUrlOf(PreviousHostsPredicate) || (typeUrl === "" && predicate.name === PREVIOUS_HOSTS))
      continue;
    const words = `"${typeUrl === "" ? predicate.name : typeUrl}" is not supported by Heddle`;
    found.push(violation(join(path, `retry_host_predicate[${index}]`), words));
  }
  return message.retryHostPredicate.length > 0;
}
