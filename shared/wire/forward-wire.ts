import {
  RouteAction as RouteActionMessage,
  RouteAction_HashPolicy,
  WeightedCluster_ClusterWeight,
} from "../generated/envoy/config/route/v3/route_components.ts";
import type { NodeKind } from "../model/node.ts";
import type { ForwardAction, HashPolicy, RetryPolicy, WeightedCluster } from "../model/route.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeDuration, encodeDuration } from "./duration-wire.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { regexMessage } from "./match-wire.ts";
import { mirrorMessage, readMirrors } from "./mirror-wire.ts";
import { readRetryPolicy, retryMessage } from "./retry-wire.ts";
import { readHedge, type RouteDefaults } from "./route-defaults-wire.ts";
import {
  clusterWeightRules,
  hashCookieRules,
  hashHeaderRules,
  hashPolicyRules,
  hashQueryRules,
  routeActionRules,
  weightedClusterRules,
} from "./route-rules.ts";

export function forwardMessage(action: ForwardAction, kind: NodeKind): RouteActionMessage {
  const timeout = action.timeoutMs === undefined ? undefined : encodeDuration(action.timeoutMs);
  const { regexRewrite, hostRewrite } = action;
  return RouteActionMessage.fromPartial({
    clusterSpecifier: clusterSpecifier(action.clusters),
    prefixRewrite: action.prefixRewrite ?? "",
    ...(regexRewrite === undefined
      ? {}
      : {
          regexRewrite: { pattern: regexMessage(regexRewrite.pattern), substitution: regexRewrite.substitution },
        }),
    ...(hostRewrite === undefined ? {} : { hostRewriteSpecifier: { $case: "hostRewriteLiteral", value: hostRewrite } }),
    ...(timeout === undefined ? {} : { timeout }),
    // A proxyless gRPC client knows no route timeout, only the life of a stream (gRFC A31).
    ...(timeout === undefined || kind !== "grpc" ? {} : { maxStreamDuration: { maxStreamDuration: timeout } }),
    ...(action.retry === undefined ? {} : { retryPolicy: retryMessage(action.retry, kind) }),
    ...(action.retry?.hedgeOnTryTimeout === true ? { hedgePolicy: { hedgeOnPerTryTimeout: true } } : {}),
    hashPolicy: action.hashOn.map(hashMessage),
    requestMirrorPolicies: action.mirrors.map(mirrorMessage),
  });
}

export function readForward(
  message: RouteActionMessage,
  defaults: RouteDefaults,
  path: string,
  found: Violation[],
): ForwardAction {
  refuseUnsupported(message, routeActionRules, path, found);
  const { timeout, regexRewrite } = message;
  const mirrors = readMirrors(message.requestMirrorPolicies, path, found);
  return {
    kind: "forward",
    clusters: readClusters(message, path, found),
    timeoutMs: timeout === undefined ? undefined : decodeDuration(timeout),
    retry: readRetry(message, defaults, path, found),
    hashOn: message.hashPolicy.flatMap((policy, index) => readHash(policy, join(path, `hash_policy[${index}]`), found)),
    prefixRewrite: message.prefixRewrite === "" ? undefined : message.prefixRewrite,
    regexRewrite:
      regexRewrite === undefined
        ? undefined
        : { pattern: regexRewrite.pattern?.regex ?? "", substitution: regexRewrite.substitution },
    hostRewrite: readHostRewrite(message, path, found),
    mirrors: mirrors.length > 0 ? mirrors : defaults.mirrors,
  };
}

function readRetry(
  { retryPolicy, hedgePolicy }: RouteActionMessage,
  defaults: RouteDefaults,
  path: string,
  found: Violation[],
): RetryPolicy | undefined {
  const hedgeOnTryTimeout = readHedge(hedgePolicy, path, found) ?? defaults.hedgeOnTryTimeout;
  const retry =
    retryPolicy === undefined ? defaults.retry : readRetryPolicy(retryPolicy, join(path, "retry_policy"), found);
  return retry === undefined ? undefined : { ...retry, hedgeOnTryTimeout };
}

function clusterSpecifier(clusters: readonly WeightedCluster[]): RouteActionMessage["clusterSpecifier"] {
  const [only] = clusters;
  if (clusters.length === 1 && only !== undefined && only.weight > 0) return { $case: "cluster", value: only.cluster };
  return {
    $case: "weightedClusters",
    value: {
      clusters: clusters.map(({ cluster, weight }) =>
        WeightedCluster_ClusterWeight.fromPartial({ name: cluster, weight }),
      ),
      totalWeight: undefined,
      runtimeKeyPrefix: "",
      randomValueSpecifier: undefined,
    },
  };
}

/** Weight 1 stands for "all" when a single cluster is named. */
function readClusters(message: RouteActionMessage, path: string, found: Violation[]): readonly WeightedCluster[] {
  const specifier = message.clusterSpecifier;
  if (specifier?.$case === "cluster") {
    if (specifier.value === "") found.push(violation(join(path, "cluster"), "must not be empty"));
    return [{ cluster: specifier.value, weight: 1 }];
  }
  if (specifier?.$case !== "weightedClusters") {
    found.push(violation(path, "must have cluster or weighted_clusters"));
    return [];
  }
  const at = join(path, "weighted_clusters");
  refuseUnsupported(specifier.value, weightedClusterRules, at, found);
  const clusters = specifier.value.clusters.map((entry, index) => {
    const place = join(at, `clusters[${index}]`);
    refuseUnsupported(entry, clusterWeightRules, place, found);
    if (entry.name === "") found.push(violation(join(place, "name"), "must not be empty"));
    return { cluster: entry.name, weight: entry.weight ?? 0 };
  });
  if (clusters.every(({ weight }) => weight === 0)) found.push(violation(at, "the sum of the weights is 0"));
  return clusters;
}

function readHostRewrite(message: RouteActionMessage, path: string, found: Violation[]): string | undefined {
  const specifier = message.hostRewriteSpecifier;
  switch (specifier?.$case) {
    case undefined:
      return undefined;
    case "hostRewriteLiteral":
      return specifier.value === "" ? undefined : specifier.value;
    case "autoHostRewrite":
      if (specifier.value) found.push(violation(join(path, "auto_host_rewrite"), "is not supported by Heddle"));
      return undefined;
    case "hostRewriteHeader":
    case "hostRewritePathRegex":
      found.push(violation(path, `${specifier.$case} is not supported by Heddle`));
      return undefined;
  }
}

function hashMessage(policy: HashPolicy): RouteAction_HashPolicy {
  return RouteAction_HashPolicy.fromPartial({ policySpecifier: hashSpecifier(policy), terminal: policy.terminal });
}

function hashSpecifier(
  policy: HashPolicy,
): Parameters<typeof RouteAction_HashPolicy.fromPartial>[0]["policySpecifier"] {
  switch (policy.kind) {
    case "header":
      return { $case: "header", value: { headerName: policy.name } };
    case "cookie":
      return { $case: "cookie", value: { name: policy.name } };
    case "query":
      return { $case: "queryParameter", value: { name: policy.name } };
    case "source-ip":
      return { $case: "connectionProperties", value: { sourceIp: true } };
  }
}

/** None for connection properties without source_ip, which find nothing. */
function readHash(message: RouteAction_HashPolicy, path: string, found: Violation[]): HashPolicy[] {
  refuseUnsupported(message, hashPolicyRules, path, found);
  const specifier = message.policySpecifier;
  const { terminal } = message;
  switch (specifier?.$case) {
    case "header":
      refuseUnsupported(specifier.value, hashHeaderRules, join(path, "header"), found);
      return [{ kind: "header", name: specifier.value.headerName.toLowerCase(), terminal }];
    case "cookie":
      refuseUnsupported(specifier.value, hashCookieRules, join(path, "cookie"), found);
      return [{ kind: "cookie", name: specifier.value.name, terminal }];
    case "queryParameter":
      refuseUnsupported(specifier.value, hashQueryRules, join(path, "query_parameter"), found);
      return [{ kind: "query", name: specifier.value.name, terminal }];
    case "connectionProperties":
      return specifier.value.sourceIp ? [{ kind: "source-ip", terminal }] : [];
    case "filterState":
      found.push(violation(join(path, "filter_state"), "is not supported by Heddle"));
      return [];
    case undefined:
      found.push(violation(path, "must name what to hash"));
      return [];
  }
}
