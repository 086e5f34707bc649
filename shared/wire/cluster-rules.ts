import type { FieldRules } from "./field-rules.ts";

/**
 * Ignored are statistics and tuning of sockets and DNS: without them requests still go where the cluster says. Refused
 * is what decides where, or how safely, bytes go: subsets, TLS, HTTP/2, filters, other kinds of clusters.
 */
export const clusterRules: FieldRules = {
  read: [
    "name",
    "clusterDiscoveryType",
    "edsClusterConfig",
    "connectTimeout",
    "lbPolicy",
    "loadAssignment",
    "lbConfig",
    "commonLbConfig",
    "metadata",
    "loadBalancingPolicy",
    "transportSocket",
    "typedExtensionProtocolOptions",
    "healthChecks",
    "circuitBreakers",
    "outlierDetection",
  ],
  ignored: [
    "altStatName",
    "perConnectionBufferLimitBytes",
    "maxRequestsPerConnection",
    "upstreamHttpProtocolOptions",
    "commonHttpProtocolOptions",
    "httpProtocolOptions",
    "dnsRefreshRate",
    "respectDnsTtl",
    "dnsLookupFamily",
    "cleanupInterval",
    "upstreamConnectionOptions",
    "closeConnectionsOnHostHealthFailure",
    "ignoreHealthOnHostRemoval",
    "lrsServer",
  ],
  outside: "refuse",
  // DNS tuning 18 44 45 53 55 58; warming 54; statistics 47 49 57 61; connections 50 51 60 62.
  exceptions: [18, 44, 45, 47, 49, 50, 51, 53, 54, 55, 57, 58, 60, 61, 62],
};

export const edsConfigRules: FieldRules = { read: ["edsConfig", "serviceName"], ignored: [], outside: "refuse" };

/** Only the stream itself: another server's endpoints would never be asked for. */
export const configSourceRules: FieldRules = {
  read: ["configSourceSpecifier", "resourceApiVersion"],
  ignored: ["initialFetchTimeout"],
  outside: "refuse",
};

/** Zone awareness is a preference that needs a local cluster; weights of localities change shares and are refused. */
export const commonLbRules: FieldRules = {
  read: ["healthyPanicThreshold", "localityConfigSpecifier"],
  ignored: ["updateMergeWindow", "ignoreNewHostsUntilFirstHc", "closeConnectionsOnHostSetChange", "overrideHostStatus"],
  outside: "refuse",
};

/**
 * High priority only asks for thresholds of its own: those of the default one bound all requests here. A bound for each
 * endpoint would be missed.
 */
export const circuitBreakersRules: FieldRules = { read: ["thresholds"], ignored: [], outside: "refuse" };

/** Pools are one for each endpoint here, so there is nothing to bound. */
export const thresholdsRules: FieldRules = {
  read: ["priority", "maxConnections", "maxPendingRequests", "maxRequests", "maxRetries", "retryBudget"],
  ignored: ["trackRemaining", "maxConnectionPools"],
  outside: "refuse",
};

export const retryBudgetRules: FieldRules = {
  read: ["budgetPercent", "budgetInterval", "minRetryConcurrency"],
  ignored: [],
  outside: "refuse",
};

/**
 * Ignored is when exactly to ask, and how to log. Refused is asking another port, which would take out endpoints that
 * are well. Outside: 22, 25 event sinks, 26 logging.
 */
export const healthCheckRules: FieldRules = {
  read: ["timeout", "interval", "unhealthyThreshold", "healthyThreshold", "healthChecker"],
  ignored: [
    "initialJitter",
    "intervalJitter",
    "intervalJitterPercent",
    "reuseConnection",
    "noTrafficInterval",
    "noTrafficHealthyInterval",
    "unhealthyInterval",
    "unhealthyEdgeInterval",
    "healthyEdgeInterval",
    "eventLogPath",
    "alwaysLogHealthCheckFailures",
  ],
  outside: "refuse",
  exceptions: [22, 25, 26],
};

/** Another Host, other headers or a body could be answered differently. Retriable statuses only soften a failure. */
export const httpHealthCheckRules: FieldRules = {
  read: ["path", "expectedStatuses", "codecClientType", "method"],
  ignored: ["responseBufferSize", "retriableStatuses"],
  outside: "refuse",
};

export const leastRequestRules: FieldRules = {
  read: ["choiceCount", "slowStartConfig"],
  ignored: ["activeRequestBias"],
  outside: "refuse",
};

export const roundRobinRules: FieldRules = { read: ["slowStartConfig"], ignored: [], outside: "refuse" };

/** The ramp's shape only changes how the share grows in between. */
export const slowStartRules: FieldRules = {
  read: ["slowStartWindow", "minWeightPercent"],
  ignored: ["aggression"],
  outside: "refuse",
};

export const randomRules: FieldRules = { read: [], ignored: [], outside: "refuse" };

export const ringHashRules: FieldRules = {
  read: ["minimumRingSize", "maximumRingSize", "hashFunction"],
  ignored: [],
  outside: "refuse",
};

export const maglevRules: FieldRules = { read: ["tableSize"], ignored: [], outside: "refuse" };

export const upstreamHttpRules: FieldRules = {
  read: ["upstreamProtocolOptions"],
  ignored: ["commonHttpProtocolOptions", "upstreamHttpProtocolOptions"],
  outside: "refuse",
};
