import type { FieldRules } from "./field-rules.ts";

/**
 * Ignored are statistics, tuning of sockets and DNS, and protections (thresholds, outlier detection, health checks):
 * without them requests still go where the cluster says. Refused is what decides where, or how safely, bytes go:
 * subsets, TLS, HTTP/2, filters, other kinds of clusters.
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
  ],
  ignored: [
    "altStatName",
    "perConnectionBufferLimitBytes",
    "healthChecks",
    "maxRequestsPerConnection",
    "circuitBreakers",
    "upstreamHttpProtocolOptions",
    "commonHttpProtocolOptions",
    "httpProtocolOptions",
    "dnsRefreshRate",
    "respectDnsTtl",
    "dnsLookupFamily",
    "outlierDetection",
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

/** Slow start only softens the arrival of an endpoint. */
export const leastRequestRules: FieldRules = {
  read: ["choiceCount"],
  ignored: ["slowStartConfig", "activeRequestBias"],
  outside: "refuse",
};

export const roundRobinRules: FieldRules = { read: [], ignored: ["slowStartConfig"], outside: "refuse" };

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
