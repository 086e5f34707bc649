import type { Cluster, LoadAssignment, LbPolicy } from "../../shared/model/cluster.ts";
import type { Listener } from "../../shared/model/listener.ts";
import type { RateLimitPolicy } from "../../shared/model/rate-limit.ts";
import type { RouteConfig } from "../../shared/model/route.ts";

/**
 * What the proxy's admin port answers, as JSON. Scripts and `heddle pc` read these, also while the control plane is dead:
 * keys are only ever added. Times are Unix milliseconds, ages are milliseconds.
 *
 *     GET  /ready              ReadyJson        200 while requests are served, 503 before the first snapshot and while draining
 *     GET  /config_dump        ConfigDumpJson   the snapshot in use, with its versions and what was refused since
 *     GET  /clusters           ClustersJson     every endpoint of every cluster with its counters
 *     GET  /decisions          DecisionsJson    the last requests that were refused, failed or retried, and why
 *     GET  /listeners          ListenersJson    the open sockets with their real ports
 *     GET  /metrics            Prometheus text; /stats/prometheus is the same
 *     POST /drain              DrainJson        starts the same drain as SIGTERM, without ending the process
 *     POST /quitquitquit       DrainJson        drains, then ends the process
 *
 * Every JSON answer carries `x-heddle-config-source: <source>; revision=<n>; age=<seconds>`. An error is an
 * {@link AdminErrorJson} with status 404, 405 or 500.
 */
export type SnapshotSource = "none" | "disk" | "stream";

export interface ReadyJson {
  /** `starting`: there is a configuration, and not all workers have it yet. One that is started anew later changes nothing. */
  readonly state: "ready" | "starting" | "no-config" | "draining";
  readonly proxy: ProxyJson;
  /** Threads that carry requests. */
  readonly workers: { readonly all: number; readonly serving: number };
  readonly config: ConfigStateJson;
}

/** Who this proxy is. */
export interface ProxyJson {
  readonly name: string;
  readonly service: string;
  readonly version: string;
  readonly pid: number;
  readonly heddle: string;
  readonly startedWallMs: number;
}

/** Which snapshot is in use, where it came from and how its stream stands. */
export interface ConfigStateJson {
  readonly source: SnapshotSource;
  /** 0 without a snapshot, and for a control plane that tells no revision. */
  readonly revision: number;
  /** "" when the control plane tells none. */
  readonly meshId: string;
  /** Since the control plane last confirmed it: by a change, a digest or an equal answer. */
  readonly ageMs: number;
  /** The stream is open and has answered. */
  readonly connected: boolean;
  /** The address of the last stream, or "". */
  readonly controlPlane: string;
  /** Why the last stream ended or could not be opened, or "". */
  readonly lastError: string;
  readonly types: readonly TypeStateJson[];
}

export interface TypeStateJson {
  readonly type: "listeners" | "routes" | "clusters" | "endpoints";
  /** `version_info` of the last accepted response, or "". */
  readonly version: string;
  readonly resources: number;
  /** Names that are subscribed and not yet received: the change that needs them is held back. */
  readonly waitingFor: readonly string[];
  /** The last refused response since the last accepted one. */
  readonly refused: RefusalJson | null;
}

export interface RefusalJson {
  readonly version: string;
  readonly reason: string;
  readonly atWallMs: number;
}

export interface ConfigDumpJson {
  readonly proxy: ProxyJson;
  readonly config: ConfigStateJson;
  readonly listeners: readonly Listener[];
  readonly routes: readonly RouteConfig[];
  readonly clusters: readonly Cluster[];
  readonly assignments: readonly LoadAssignment[];
  readonly rateLimits: readonly RateLimitJson[];
}

/** A limit in use, and what it did since this process keeps it. */
export interface RateLimitJson {
  readonly policy: RateLimitPolicy;
  readonly allowed: number;
  readonly limited: number;
  /** Clients, or values of the header, with a bucket of their own. */
  readonly keys: number;
  /** Null for a local limit. */
  readonly shared: {
    /** `gone`: the proxy goes on with its share. `unknown`: nobody was asked yet. */
    readonly coordinator: "unknown" | "present" | "gone";
    /** Among how many the limit is divided without a coordinator. */
    readonly proxies: number;
    /** Tokens at hand; requests admitted on credit; tokens that came; calls that failed. */
    readonly held: number;
    readonly owed: number;
    readonly leased: number;
    readonly failures: number;
  } | null;
}

export interface ClustersJson {
  readonly proxy: ProxyJson;
  readonly config: ConfigStateJson;
  readonly clusters: readonly ClusterJson[];
}

export interface ClusterJson {
  readonly name: string;
  readonly service: string;
  readonly version: string;
  readonly lb: LbPolicy;
  /** So few endpoints are usable that all are used. */
  readonly isInPanic: boolean;
  /** Null for a cluster without any of them. */
  readonly policies: ClusterPoliciesJson | null;
  readonly endpoints: readonly EndpointJson[];
}

/** How the policies of a cluster stand now. Budgets and limits hold in each worker of the proxy, and are told in sum. */
export interface ClusterPoliciesJson {
  readonly breaker: BreakerJson | null;
  readonly retryBudget: RetryBudgetJson | null;
  readonly adaptive: AdaptiveLimitJson | null;
  readonly limits: { readonly [limit in "connections" | "pending" | "requests" | "retries"]: LimitJson };
}

export interface BreakerJson {
  readonly state: "closed" | "half-open" | "open";
  readonly opens: number;
  /** Attempts that it refused. */
  readonly refused: number;
  readonly failuresInRow: number;
  /** Until it asks for a probe; 0 unless it is open. */
  readonly probeInMs: number;
  /** In its window. */
  readonly results: number;
  readonly failures: number;
}

export interface RetryBudgetJson {
  /** Retries that may be made now. */
  readonly balance: number;
  readonly refused: number;
}

export interface AdaptiveLimitJson {
  readonly active: number;
  /** What may be under way now. */
  readonly limit: number;
  /** What the service answers in when it has little to do; 0 until that has been measured. */
  readonly leastMs: number;
  readonly refused: number;
}

export interface LimitJson {
  readonly active: number;
  /** Null: no bound. */
  readonly max: number | null;
  readonly overflows: number;
}

export type HealthFlag = "/failed_eds_health" | "/eds_status_draining" | "/failed_active_hc" | "/failed_outlier_check";

export interface EndpointJson {
  /** `host:port`. */
  readonly address: string;
  readonly version: string;
  readonly health: "healthy" | "unhealthy" | "draining";
  readonly weight: number;
  readonly priority: number;
  /** Why it is not picked, in the words of Envoy's `/clusters`; empty: it is. */
  readonly healthFlags: readonly HealthFlag[];
  /** Taken out by its results; `leftMs` until it may come back. With several workers, as the first of them finds. */
  readonly ejection: { readonly reason: string; readonly leftMs: number } | null;
  /** By this proxy's own health checks; null: it makes none of this endpoint. */
  readonly check: { readonly health: "unknown" | "healthy" | "unhealthy"; readonly detail: string } | null;
  /** It has not got its whole share yet. */
  readonly isStarting: boolean;
  /** Requests sent and not finished. */
  readonly active: number;
  /** Since the endpoint became known to this process. */
  readonly requests: number;
  readonly failures: number;
  readonly connectFailures: number;
  /** Connections to it, and requests in line for one. */
  readonly connections: number;
  readonly idleConnections: number;
  readonly waiting: number;
}

export interface DecisionsJson {
  readonly proxy: ProxyJson;
  readonly config: ConfigStateJson;
  /** The newest first. */
  readonly decisions: readonly DecisionJson[];
}

/** What was decided for one request; its fields are those of the access log. */
export interface DecisionJson {
  readonly startWallMs: number;
  readonly durationMs: number;
  readonly requestId: string;
  readonly traceId: string;
  readonly request: {
    readonly direction: "inbound" | "outbound" | "unspecified";
    readonly listener: string;
    readonly source: string;
    readonly method: string;
    readonly authority: string;
    /** Without its query. */
    readonly path: string;
  };
  /** The rule that matched, and the cluster that it led to; "" when it came to none. */
  readonly rule: string;
  readonly cluster: string;
  readonly destination: string;
  readonly version: string;
  /** Of the last attempt, or "". */
  readonly endpoint: string;
  /** 0: it was refused before one. */
  readonly attempts: number;
  /** Endpoints of the attempts that were followed by a retry, and what each retry followed. */
  readonly tried: readonly string[];
  readonly retriedFor: readonly string[];
  /** Why no further retry was made that would have been right, or "". */
  readonly retryRefusal: string;
  readonly fallback: string;
  readonly status: number;
  readonly flag: string;
  readonly detail: string;
  /** Of the configuration that it was decided by. */
  readonly revision: number;
}

export interface ListenersJson {
  readonly proxy: ProxyJson;
  readonly config: ConfigStateJson;
  readonly listeners: readonly ListenerJson[];
}

export interface ListenerJson {
  /** `outbound`, `inbound`, `upstream:<service>`, or the resource's name. */
  readonly name: string;
  readonly direction: "inbound" | "outbound" | "unspecified";
  /** The real `host:port`. */
  readonly address: string;
  /** A listener resource tells it how to route. Without one, requests get 503 `no-config`. */
  readonly configured: boolean;
}

export interface DrainJson {
  readonly draining: true;
}

export interface AdminErrorJson {
  readonly error: string;
}
