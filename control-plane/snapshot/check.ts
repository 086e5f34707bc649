import type { RouteConfig } from "../../shared/model/route.ts";
import type { Snapshot } from "../../shared/model/snapshot.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import { LOCAL_APP_CLUSTER } from "../../shared/model/cluster.ts";

/**
 * All the ways in which a snapshot contradicts itself; none means that it may be published. A node that got a route
 * before its cluster would answer 503, so a snapshot with such a hole never leaves the control plane.
 */
export function checkSnapshot(snapshot: Snapshot): readonly Violation[] {
  const found: Violation[] = [];
  for (const listener of snapshot.listeners.values()) {
    const path = `listeners[${listener.name}]`;
    if (listener.routes.kind === "inline") found.push(...checkRoutes(listener.routes.config, snapshot, path));
    else if (!snapshot.routes.has(listener.routes.routeConfigName)) {
      found.push(violation(path, `no route table is named ${listener.routes.routeConfigName}`));
    }
  }
  for (const config of snapshot.routes.values()) {
    found.push(...checkRoutes(config, snapshot, `routes[${config.name}]`));
  }
  return [...found, ...checkClusters(snapshot)];
}

function checkClusters(snapshot: Snapshot): readonly Violation[] {
  const found: Violation[] = [];
  for (const { name, discovery, policies } of snapshot.clusters.values()) {
    if (discovery.kind === "eds" && !snapshot.assignments.has(discovery.assignmentName)) {
      found.push(violation(`clusters[${name}]`, `no assignment is named ${discovery.assignmentName}`));
    }
    const { fallback } = policies;
    if (fallback?.kind === "service" && !snapshot.clusters.has(fallback.cluster)) {
      found.push(violation(`clusters[${name}]`, `no cluster is named ${fallback.cluster}, its fallback`));
    }
  }
  for (const name of snapshot.assignments.keys()) {
    if (!snapshot.clusters.has(name)) found.push(violation(`endpoints[${name}]`, "no cluster uses them"));
  }
  return found;
}

function checkRoutes(config: RouteConfig, snapshot: Snapshot, path: string): readonly Violation[] {
  const found: Violation[] = [];
  const domains = new Set<string>();
  for (const host of config.virtualHosts) {
    for (const domain of host.domains) {
      // Hosts compare without case, so two domains that differ only in case are one.
      const folded = domain.toLowerCase();
      if (domains.has(folded)) found.push(violation(`${path}.${host.name}`, `domain ${domain} stands twice`));
      domains.add(folded);
    }
    for (const route of host.routes) {
      if (route.action.kind !== "forward") continue;
      const at = `${path}.${host.name}.${route.name}`;
      const total = route.action.clusters.reduce((sum, { weight }) => sum + weight, 0);
      if (total <= 0) found.push(violation(at, "the weights sum to 0"));
      for (const { cluster } of [...route.action.clusters, ...route.action.mirrors]) {
        if (cluster === LOCAL_APP_CLUSTER || snapshot.clusters.has(cluster)) continue;
        found.push(violation(at, `no cluster is named ${cluster}`));
      }
    }
  }
  return found;
}
