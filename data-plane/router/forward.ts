import type { ForwardAction, HashPolicy, RetryPolicy } from "../../shared/model/route.ts";
import { ENVOY_ROUTE_TIMEOUT_MS } from "../../shared/defaults.ts";
import { WEIGHT_SUM_MAX } from "../../shared/limits.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { RequestHead } from "../http1/message.ts";
import type { ClusterRuntime, ForwardRuntime, MirrorRuntime } from "../runtime/runtime.ts";
import { hashRequest } from "./hash-policy.ts";
import type { PathTest } from "./path-match.ts";
import { compileRewrite, type PathRewrite } from "./rewrite.ts";
import { WeightedSplit } from "./weighted-split.ts";

/** A forward action whose clusters are still names: it outlives the clusters it is bound to. */
export interface ForwardTemplate {
  readonly clusterNames: readonly string[];
  bind(clusters: ReadonlyMap<string, ClusterRuntime>): ForwardRuntime;
}

/** `path` is the place of the RouteAction in its resource. */
export function compileForward(
  action: ForwardAction,
  test: PathTest,
  path: string,
  violations: Violation[],
): ForwardTemplate {
  checkClusters(action, path, violations);
  if (action.hostRewrite !== undefined && !/^[\w.:[\]-]+$/.test(action.hostRewrite)) {
    violations.push(violation(`${path}.host_rewrite_literal`, `"${action.hostRewrite}" is not a host`));
  }
  const rewrite = compileRewrite(action, test, path, violations);
  const weights = action.clusters.map(({ weight }) => weight);
  const targets = action.clusters.map(({ cluster }) => cluster);
  checkMirrors(action, path, violations);
  return {
    clusterNames: [...targets, ...action.mirrors.map(({ cluster }) => cluster)],
    bind: (clusters) => {
      const bound = targets.map((name) => clusters.get(name));
      const mirrors = action.mirrors.flatMap(({ cluster, percent }) => {
        const to = clusters.get(cluster);
        return to === undefined ? [] : [{ cluster: to, percent }];
      });
      return new Forward(action, { rewrite, split: new WeightedSplit(bound, weights), mirrors });
    },
  };
}

function checkClusters(action: ForwardAction, path: string, violations: Violation[]): void {
  if (action.clusters.length === 0) violations.push(violation(path, "must name a cluster"));
  const single = action.clusters.length === 1;
  for (const [index, { cluster, weight }] of action.clusters.entries()) {
    const place = single ? path : `${path}.weighted_clusters.clusters[${index}]`;
    if (cluster === "") violations.push(violation(single ? `${path}.cluster` : `${place}.name`, "must name a cluster"));
    if (!Number.isInteger(weight) || weight < 0)
      violations.push(violation(`${place}.weight`, `${weight} is not a whole number of 0 or more`));
  }
  const sum = action.clusters.reduce((total, { weight }) => total + weight, 0);
  if (action.clusters.length > 0 && !(sum >= 1 && sum <= WEIGHT_SUM_MAX)) {
    violations.push(
      violation(`${path}.weighted_clusters`, `the weights sum to ${sum}, which must be in 1-${WEIGHT_SUM_MAX}`),
    );
  }
}

function checkMirrors({ mirrors }: ForwardAction, path: string, violations: Violation[]): void {
  for (const [index, { cluster, percent }] of mirrors.entries()) {
    const place = `${path}.request_mirror_policies[${index}]`;
    if (cluster === "") violations.push(violation(`${place}.cluster`, "must name a cluster"));
    if (!(percent >= 0 && percent <= 100)) {
      violations.push(violation(`${place}.runtime_fraction`, `${percent} % is not in 0-100`));
    }
  }
}

interface ForwardParts {
  readonly rewrite: PathRewrite | undefined;
  readonly split: WeightedSplit<ClusterRuntime | undefined>;
  readonly mirrors: readonly MirrorRuntime[];
}

class Forward implements ForwardRuntime {
  readonly kind = "forward";
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | undefined;
  readonly tryTimeoutMs: number;
  readonly mirrors: readonly MirrorRuntime[];
  readonly #split: WeightedSplit<ClusterRuntime | undefined>;
  readonly #rewrite: PathRewrite | undefined;
  readonly #hashOn: readonly HashPolicy[];
  readonly #host: string | undefined;

  constructor(action: ForwardAction, { rewrite, split, mirrors }: ForwardParts) {
    this.timeoutMs = action.timeoutMs ?? ENVOY_ROUTE_TIMEOUT_MS;
    this.retry = action.retry;
    // One that is no shorter than the whole request says nothing (as Envoy).
    const tryMs = action.retry?.perTryTimeoutMs ?? 0;
    this.tryTimeoutMs = this.timeoutMs > 0 && tryMs >= this.timeoutMs ? 0 : tryMs;
    this.mirrors = mirrors;
    this.#split = split;
    this.#rewrite = rewrite;
    this.#hashOn = action.hashOn;
    this.#host = action.hostRewrite;
  }

  pickCluster(unit: number): ClusterRuntime | undefined {
    return this.#split.pick(unit);
  }

  hash(head: RequestHead, sourceIp: string): number {
    return hashRequest(this.#hashOn, head, sourceIp);
  }

  target(head: RequestHead): string {
    // "*" of OPTIONS, and the authority of CONNECT, are no paths: they go out as they are.
    const path = this.#rewrite === undefined || !head.path.startsWith("/") ? head.path : this.#rewrite(head.path);
    return head.query === "" ? path : path + head.query;
  }

  authority(head: RequestHead): string {
    return this.#host ?? head.authority;
  }
}
