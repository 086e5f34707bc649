import type { FieldRules } from "./field-rules.ts";

/** Mutations and mirrors are refused: leaving them out would send other requests than the operator asked for. */
export const routeConfigRules: FieldRules = {
  read: ["name", "virtualHosts", "ignorePortInHostMatching"],
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
  read: ["name", "domains", "routes", "retryPolicy"],
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
  read: ["name", "match", "action"],
  ignored: ["metadata", "decorator", "tracing", "perRequestBufferLimitBytes", "requestBodyBufferLimit", "statPrefix"],
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
  read: ["retryOn", "numRetries", "perTryTimeout", "retryHostPredicate", "retriableStatusCodes", "retryBackOff"],
  ignored: ["perTryIdleTimeout", "hostSelectionRetryMaxAttempts", "rateLimitedRetryBackOff"],
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
