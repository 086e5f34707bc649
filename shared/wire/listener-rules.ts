import type { FieldRules } from "./field-rules.ts";

/** Original destinations, further addresses and a default chain would take connections Heddle never sees. */
export const listenerRules: FieldRules = {
  read: ["name", "address", "filterChains", "trafficDirection", "apiListener", "listenerFilters", "bindToPort"],
  ignored: [
    "statPrefix",
    "perConnectionBufferLimitBytes",
    "metadata",
    "drainType",
    "listenerFiltersTimeout",
    "continueOnListenerFiltersTimeout",
    "freebind",
    "socketOptions",
    "tcpFastOpenQueueLength",
    "connectionBalanceConfig",
    "reusePort",
    "enableReusePort",
    "accessLog",
    "tcpBacklogSize",
    "maxConnectionsToAcceptPerSocketEvent",
    "ignoreGlobalConnLimit",
    "bypassOverloadManager",
    "tcpKeepalive",
  ],
  outside: "refuse",
  // enable_mptcp, per_connection_buffer_high_watermark_timeout, stats_matcher.
  exceptions: [30, 38, 39],
};

export const filterChainRules: FieldRules = {
  read: ["filters", "transportSocket", "filterChainMatch"],
  ignored: ["metadata", "transportSocketConnectTimeout", "name"],
  outside: "refuse",
};

/** With one chain there is nothing to choose, so a condition is refused. */
export const filterChainMatchRules: FieldRules = { read: [], ignored: [], outside: "refuse" };

/**
 * Ignored are limits and timeouts (the proxy has its own, http1.md 5), identification headers, statistics, and path
 * normalization, whose place the proxy's stricter reject mode takes. Refused is what changes which route is taken.
 */
export const connectionManagerRules: FieldRules = {
  read: ["codecType", "statPrefix", "routeSpecifier", "httpFilters"],
  ignored: [
    "addUserAgent",
    "tracing",
    "commonHttpProtocolOptions",
    "httpProtocolOptions",
    "http2ProtocolOptions",
    "serverName",
    "serverHeaderTransformation",
    "maxRequestHeadersKb",
    "streamIdleTimeout",
    "requestTimeout",
    "requestHeadersTimeout",
    "drainTimeout",
    "delayedCloseTimeout",
    "accessLog",
    "useRemoteAddress",
    "xffNumTrustedHops",
    "internalAddressConfig",
    "skipXffAppend",
    "via",
    "generateRequestId",
    "preserveExternalRequestId",
    "alwaysSetRequestIdInResponse",
    "forwardClientCertDetails",
    "setCurrentClientCertDetails",
    "proxy100Continue",
    "upgradeConfigs",
    "normalizePath",
    "mergeSlashes",
    "pathWithEscapedSlashesAction",
    "localReplyConfig",
    "streamErrorOnInvalidHttpMessage",
    "appendXForwardedPort",
  ],
  outside: "ignore",
};

export const rdsRules: FieldRules = { read: ["configSource", "routeConfigName"], ignored: [], outside: "refuse" };
