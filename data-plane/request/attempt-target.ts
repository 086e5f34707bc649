import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { ClusterRuntime, ForwardRuntime } from "../runtime/runtime.ts";
import type { UpstreamFailure } from "../upstream/upstream-connection.ts";

/** Where an attempt goes; the route's answers for one request. */
export interface AttemptTarget {
  readonly route: ForwardRuntime;
  readonly cluster: ClusterRuntime;
  readonly endpoint: EndpointState;
  /** What the policies of the service gave it; back with the verdict. */
  readonly permit: number;
  /** Not over a connection that has served before. */
  readonly fresh: boolean;
}

/** How an attempt ended without an answer. */
export type AttemptFailure = UpstreamFailure | "overflow" | "try-timeout" | "loop";
