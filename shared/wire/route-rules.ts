import type { FieldRules } from "./field-rules.ts";

/** Mutations are refused: leaving them out would send other requests than the operator asked for. */
export const routeConfigRules: FieldRules = {
  read: ["name", "virtualHosts", "ignorePortInHostMatching", "requestMirrorPolicies", "typedPerFilterConfig"],
  ignored: [
    "internalOnlyHeaders",
    "validateClusters",
    "maxDirectResponseBodySizeBytes",
    "mostSpecificHeaderMutationsWins",
    "metadata",
  ],
  outside: "refuse",
};

export const virtualHostRules: FieldRules = {
  read: ["name", "domains", "routes", "retryPolicy", "hedgePolicy", "requestMirrorPolicies", "typedPerFilterConfig"],
  ignored: [
    "virtualClusters",
    "includeRequestAttemptCount",
    "includeAttemptCountInResponse",
    "perRequestBufferLimitBytes",
    "requestBodyBufferLimit",
    "metadata",
  ],
  outside: "refuse",
  // include_is_timeout_retry_header.
  exceptions: [23],
};

export const routeRules: FieldRules = {
  read: ["name", "match", "action", "metadata", "typedPerFilterConfig"],
  ignored: ["decorator", "tracing", "perRequestBufferLimitBytes", "requestBodyBufferLimit", "statPrefix"],
  outside: "refuse",
};

export const routeMatchRules: FieldRules = {
  read: ["pathSpecifier", "caseSensitive", "headers", "queryParameters", "runtimeFraction"],
  ignored: [],
  outside: "refuse",
};

export const headerMatcherRules: FieldRules = {
  read: ["name", "headerMatchSpecifier", "invertMatch", "treatMissingHeaderAsEmpty"],
  ignored: [],
  outside: "refuse",
};

export const queryMatcherRules: FieldRules = {
  read: ["name", "queryParameterMatchSpecifier"],
  ignored: [],
  outside: "refuse",
};

export const stringMatcherRules: FieldRules = {
  read: ["matchPattern", "ignoreCase"],
  ignored: [],
  outside: "refuse",
};

/** Priorities only choose among circuit breakers, and idle timeouts stand beside the proxy's own. */
export const routeActionRules: FieldRules = {
  read: [
    "clusterSpecifier",
    "prefixRewrite",
    "regexRewrite",
    "hostRewriteSpecifier",
    "timeout",
    "retryPolicy",
    "hashPolicy",
    "hedgePolicy",
    "requestMirrorPolicies",
  ],
  ignored: [
    "idleTimeout",
    "priority",
    "appendXForwardedHost",
    "includeVhRateLimits",
    "maxGrpcTimeout",
    "maxStreamDuration",
    "upgradeConfigs",
  ],
  outside: "refuse",
  // grpc_timeout_offset, early_data_policy, flush_timeout.
  exceptions: [28, 40, 42],
};

export const weightedClusterRules: FieldRules = {
  read: ["clusters"],
  ignored: ["totalWeight", "runtimeKeyPrefix"],
  outside: "refuse",
};

export const clusterWeightRules: FieldRules = { read: ["name", "weight"], ignored: [], outside: "refuse" };

/** A plug-in for priorities, and conditions on headers, would change which requests are tried again. */
export const retryPolicyRules: FieldRules = {
  read: [
    "retryOn",
    "numRetries",
    "perTryTimeout",
    "retryHostPredicate",
    "retriableStatusCodes",
    "retryBackOff",
    "rateLimitedRetryBackOff",
    "retriableRequestHeaders",
  ],
  ignored: ["perTryIdleTimeout", "hostSelectionRetryMaxAttempts"],
  outside: "refuse",
  // refresh_cluster_on_retry.
  exceptions: [14],
};

export const hashPolicyRules: FieldRules = {
  read: ["policySpecifier", "terminal"],
  ignored: [],
  outside: "refuse",
};

export const hashHeaderRules: FieldRules = { read: ["headerName"], ignored: [], outside: "refuse" };

/** A ttl makes the proxy give cookies out, which Heddle's does not. */
export const hashCookieRules: FieldRules = { read: ["name"], ignored: ["path", "attributes"], outside: "refuse" };

export const hashQueryRules: FieldRules = { read: ["name"], ignored: [], outside: "refuse" };

export const redirectRules: FieldRules = {
  read: [
    "schemeRewriteSpecifier",
    "hostRedirect",
    "portRedirect",
    "pathRewriteSpecifier",
    "responseCode",
    "stripQuery",
  ],
  ignored: [],
  outside: "refuse",
};

/** Outside: 3, body_format. */
export const directResponseRules: FieldRules = { read: ["status", "body"], ignored: [], outside: "refuse" };

/** Envoy does not do the other two either (semantics.md 3). */
export const hedgeRules: FieldRules = {
  read: ["hedgeOnPerTryTimeout"],
  ignored: ["initialRequests", "additionalRequestChance"],
  outside: "refuse",
};

/**
 * Ignored is what the copy looks like to those who trace it. A runtime key is read over everywhere: without a runtime
 * layer its default value holds, as in an Envoy that has none. Outside: 2, the old runtime key without a default; 7 and
 * 8 change the copy.
 */
export const mirrorRules: FieldRules = {
  read: ["cluster", "runtimeFraction"],
  ignored: ["traceSampled", "disableShadowHostSuffixAppend"],
  outside: "refuse",
};

/**
 * Refused is what narrows a fault, or bounds it: more requests would be hurt than the operator asked for. Outside: 8-14
 * runtime keys, 15 statistics, 16 what it leaves for logs.
 */
export const faultRules: FieldRules = {
  read: ["delay", "abort", "headers"],
  ignored: [],
  outside: "refuse",
  exceptions: [8, 9, 10, 11, 12, 13, 14, 15, 16],
};

export const faultDelayRules: FieldRules = {
  read: ["faultDelaySecifier", "percentage"],
  ignored: [],
  outside: "refuse",
};

export const faultAbortRules: FieldRules = { read: ["errorType", "percentage"], ignored: [], outside: "refuse" };

/**
 * Ignored is what the refusal looks like, and what only tells of it. A bucket for each connection, or one shared by the
 * cluster's proxies (outside: 16), would allow another rate.
 */
export const localRateLimitRules: FieldRules = {
  read: [
    "statPrefix",
    "status",
    "tokenBucket",
    "filterEnabled",
    "filterEnforced",
    "descriptors",
    "rateLimits",
    "alwaysConsumeDefaultTokenBucket",
  ],
  ignored: [
    "requestHeadersToAddWhenNotEnforced",
    "responseHeadersToAdd",
    "enableXRatelimitHeaders",
    "enableRetryAfterHeader",
    "rateLimitedAsResourceExhausted",
    "maxDynamicDescriptors",
    "vhRateLimits",
  ],
  outside: "refuse",
};

/** A request that counts for more than one, or is judged at its end, would be counted wrong. */
export const rateLimitActionsRules: FieldRules = { read: ["actions"], ignored: [], outside: "refuse" };

export const filterConfigRules: FieldRules = {
  read: ["config", "isOptional", "disabled"],
  ignored: [],
  outside: "refuse",
};
