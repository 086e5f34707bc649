import { RETRY_BACKOFF_BASE_MS } from "../defaults.ts";
import { RetryPolicy as RetryPolicyMessage } from "../generated/envoy/config/route/v3/route_components.ts";
import { PreviousHostsPredicate } from "../generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.ts";
import type { RetryPolicy } from "../model/route.ts";
import { violation, type Violation } from "../violation.ts";
import { packAny, typeUrlOf } from "./any.ts";
import { decodeDuration, encodeDuration } from "./duration-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { retryPolicyRules } from "./route-rules.ts";

const PREVIOUS_HOSTS = "envoy.retry_host_predicates.previous_hosts";

export function retryMessage(retry: RetryPolicy): RetryPolicyMessage {
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
  });
}

export function readRetryPolicy(message: RetryPolicyMessage, path: string, found: Violation[]): RetryPolicy {
  refuseUnsupported(message, retryPolicyRules, path, found);
  const { perTryTimeout } = message;
  const backoffBaseMs = readBackoffBase(message, path, found);
  const maxInterval = message.retryBackOff?.maxInterval;
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
    retryNonIdempotent: false,
    retryAfterMaxMs: 0,
    hedgeOnTryTimeout: false,
  };
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
