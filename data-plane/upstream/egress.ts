import { formatAddress, type Address } from "../../shared/address.ts";
import { CONNECT_TIMEOUT_MS } from "../../shared/defaults.ts";
import { EGRESS_ENDPOINTS_MAX } from "../../shared/limits.ts";
import { fixedChoice } from "../balancer/endpoint-choice.ts";
import { ClusterState, ServiceState } from "../runtime/cluster-state.ts";
import { NO_POLICIES } from "../../shared/model/cluster-policy.ts";
import { EndpointState } from "../runtime/endpoint-state.ts";
import type { ClusterRuntime, ForwardRuntime } from "../runtime/runtime.ts";

const HTTP_PORT = 80;
/** The time of a request to a host that no policy speaks of: none (0), as Envoy's passthrough. */
const NO_TIMEOUT_MS = 0;

/**
 * The way to hosts outside the mesh: an endpoint for each authority that was asked for, made when it is needed. At the
 * bound the one that was unused for longest is forgotten; its connections close as they fall idle.
 *
 * It also knows the ports this process listens on, because a request must never leave the proxy only to enter it again.
 */
export class Egress {
  readonly #routes = new Map<string, ForwardRuntime>();
  readonly #endpoints = new Map<string, EndpointState>();
  readonly #ownPorts = new Set<number>();
  readonly #endpointsMax: number;

  constructor(endpointsMax: number = EGRESS_ENDPOINTS_MAX) {
    this.#endpointsMax = endpointsMax;
  }

  /** A port that a listener of this process has opened. */
  addOwnPort(port: number): void {
    this.#ownPorts.add(port);
  }

  removeOwnPort(port: number): void {
    this.#ownPorts.delete(port);
  }

  /** Whether a connection that was made, by its two ends, comes back to this process. */
  isOwn(remote: { readonly port: number | undefined; readonly isOwn: boolean }): boolean {
    return remote.isOwn && remote.port !== undefined && this.#ownPorts.has(remote.port);
  }

  /** The route to a canonical authority (`host` or `host:port`). */
  routeTo(authority: string): ForwardRuntime {
    const known = this.#routes.get(authority);
    if (known !== undefined) {
      // Maps keep the order of insertion: the first is the one unused for longest.
      this.#routes.delete(authority);
      this.#routes.set(authority, known);
      return known;
    }
    if (this.#routes.size >= this.#endpointsMax) this.#forgetOldest();
    const address = addressOf(authority);
    const endpoint = new EndpointState(formatAddress(address), address);
    const route = egressRoute(endpoint);
    this.#routes.set(authority, route);
    this.#endpoints.set(authority, endpoint);
    return route;
  }

  /** The process ends: idle connections close now. */
  drain(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.pool?.drain();
  }

  #forgetOldest(): void {
    for (const authority of this.#routes.keys()) {
      this.#routes.delete(authority);
      this.#endpoints.get(authority)?.pool?.drain();
      this.#endpoints.delete(authority);
      return;
    }
  }
}

/** One cluster for all of them in logs and metrics: hosts are chosen by the client, and labels must be bounded. */
function egressRoute(endpoint: EndpointState): ForwardRuntime {
  const cluster: ClusterRuntime = {
    name: "egress",
    service: "egress",
    version: "",
    isOutside: true,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    lb: { kind: "random" },
    policies: NO_POLICIES,
    state: new ClusterState("egress", new ServiceState("egress")),
    endpoints: [endpoint],
    choice: fixedChoice([endpoint], { pick: () => endpoint }),
  };
  return {
    kind: "forward",
    pickCluster: () => cluster,
    timeoutMs: NO_TIMEOUT_MS,
    retry: undefined,
    tryTimeoutMs: 0,
    hash: () => -1,
    mirrors: [],
    target: (head) => head.path + head.query,
    authority: (head) => head.authority,
  };
}

function addressOf(authority: string): Address {
  if (authority.startsWith("[")) {
    const end = authority.indexOf("]");
    return { host: authority.slice(1, end), port: Number(authority.slice(end + 2) || HTTP_PORT) };
  }
  const colon = authority.indexOf(":");
  if (colon < 0) return { host: authority, port: HTTP_PORT };
  return { host: authority.slice(0, colon), port: Number(authority.slice(colon + 1)) };
}
