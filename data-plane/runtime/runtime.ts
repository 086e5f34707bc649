import type { Address } from "../../shared/address.ts";
import type { LbPolicy } from "../../shared/model/cluster.ts";
import type { ClusterPolicies } from "../../shared/model/cluster-policy.ts";
import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import type { RespondAction, RetryPolicy } from "../../shared/model/route.ts";
import type { TokenRate } from "../../shared/token-bucket.ts";
import type { Choice } from "../balancer/endpoint-choice.ts";
import type { RequestHead } from "../http1/message.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { EndpointState } from "./endpoint-state.ts";

/**
 * The compiled configuration the request path reads. Immutable but for each cluster's `choice`, replaced whole by one
 * assignment: a request keeps the Runtime it started with and never sees half of a change. What must survive a
 * replacement lives in EndpointState and ClusterState.
 */
export interface Runtime {
  /** The newest revision in it; 0 before the first snapshot. */
  readonly revision: number;
  readonly listeners: ReadonlyMap<string, ListenerRuntime>;
  readonly clusters: ReadonlyMap<string, ClusterRuntime>;
  /** The limits of all its routes, with repetitions. */
  readonly rateLimits: readonly RateLimitRuntime[];
}

export interface ListenerRuntime {
  readonly name: string;
  readonly direction: "inbound" | "outbound" | "unspecified";
  readonly bind: Address | undefined;
  readonly statPrefix: string;
  readonly routes: RouteTable;
}

/** Hot: `match` runs once per request and allocates nothing. */
export interface RouteTable {
  /** The first route that matches, or undefined: 404 NR. */
  match(head: RequestHead): RouteRuntime | undefined;
  /**
   * A virtual host other than the catch-all `*` serves this authority. Asked only when `match` found nothing: a known host
   * without a fitting route is 404 NR, an unknown one in absolute-form may leave the mesh (DESIGN 10).
   */
  knowsHost(head: RequestHead): boolean;
}

export interface RouteRuntime {
  /** The row it came from, for logs. */
  readonly name: string;
  readonly action: ForwardRuntime | RedirectRuntime | RespondAction;
  readonly fault: FaultRuntime | undefined;
  readonly rateLimit: RateLimitRuntime | undefined;
}

/** The limit of a route; `router/route-limit.ts`. What is known of it lives in RateLimits, by `stateKey`. */
export interface RateLimitRuntime {
  readonly policy: RateLimitPolicy;
  readonly rate: TokenRate;
  readonly stateKey: string;
  readonly isByClient: boolean;
  key(head: RequestHead, source: string, sourceIp: string): string;
  refusalLines(waitMs: number): string;
}

/** Faults to inject; what each method means is said at `router/fault.ts`. */
export interface FaultRuntime {
  appliesTo(head: RequestHead, nowWallMs: number): boolean;
  delayMs(unit: number): number;
  abortStatus(unit: number): number;
}

export interface RedirectRuntime {
  readonly kind: "redirect";
  readonly status: 301 | 302 | 303 | 307 | 308;
  /** The value of the Location header. */
  location(head: RequestHead): string;
}

export interface ForwardRuntime {
  readonly kind: "forward";
  /** `unit` in [0, 1) chooses by weight. Undefined: the cluster is unknown, 503 NC. */
  pickCluster(unit: number): ClusterRuntime | undefined;
  /** The whole request; 0 is no limit. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | undefined;
  /** One try, from when the request has been received; 0: as long as the whole request. */
  readonly tryTimeoutMs: number;
  /** An unsigned 32-bit hash for hashing pickers, or -1 when no policy found a value. */
  hash(head: RequestHead, sourceIp: string): number;
  /** Where copies go; a cluster that is not there gets none. */
  readonly mirrors: readonly MirrorRuntime[];
  /** The path and query to send. */
  target(head: RequestHead): string;
  /** The Host to send: that of the request unless rewritten. */
  authority(head: RequestHead): string;
}

export interface MirrorRuntime {
  readonly cluster: ClusterRuntime;
  /** Share of the requests, 0-100. */
  readonly percent: number;
}

export interface ClusterRuntime {
  readonly name: string;
  /** Labels of metrics and logs. */
  readonly service: string;
  readonly version: string;
  /** Not of the mesh: what is said between its proxies is not for these hosts, and not believed of them. */
  readonly isOutside: boolean;
  readonly connectTimeoutMs: number;
  readonly lb: LbPolicy;
  readonly policies: ClusterPolicies;
  /** What the policies know; it outlives this runtime. */
  readonly state: ClusterState;
  /** All endpoints, usable or not, in the order of the assignment. */
  readonly endpoints: readonly EndpointState[];
  /**
   * Which of them may be picked now. The one field that changes while the runtime is in use: upstream/endpoint-watch.ts
   * replaces it by one assignment when an endpoint is ejected, comes back, or changes its health. Read it once per pick.
   */
  choice: Choice;
}
