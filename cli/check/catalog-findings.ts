import type { Route, ServiceEndpoint, TrafficSplit } from "../../control-plane/catalog/catalog.ts";
import { describeKey, keyOf } from "../../control-plane/catalog/row-key.ts";
import type { ServicePolicy } from "../../control-plane/catalog/service-policy.ts";
import type { CatalogRows } from "./catalog-rows.ts";
import { policyFindings } from "./policy-findings.ts";
import { fine, problem, warning, type Finding } from "./finding.ts";
import { isShadowed } from "./route-cover.ts";

/** What is wrong with rows that are each valid by themselves. `hasProxy` tells of services that have a proxy and no row. */
export function catalogFindings(rows: CatalogRows, hasProxy: (service: string) => boolean): readonly Finding[] {
  return [
    ...summed(emptyServices(rows), "every service that is routed to has a healthy endpoint"),
    ...rows.policies.flatMap((policy) => failingApps(policy, rows.endpoints)),
    ...summed(
      rows.splits.flatMap((split) => splitFindings(split, rows.endpoints)),
      "every split names versions that have endpoints",
    ),
    ...summed(shadowedRoutes(rows.routes), "every route can match"),
    ...summed(policyFindings(rows, hasProxy), "every policy does what it is for"),
  ];
}

function summed(findings: readonly Finding[], allFine: string): readonly Finding[] {
  return findings.length === 0 ? [fine(allFine)] : findings;
}

function emptyServices({ policies, endpoints, splits, routes }: CatalogRows): readonly Finding[] {
  const named = new Map<string, string>();
  for (const policy of policies) named.set(policy.serviceName, `ServicePolicy ${policy.serviceName}`);
  for (const split of splits) named.set(split.destinationService, `TrafficSplit ${describeKey(keyOf(split))}`);
  for (const route of routes) {
    for (const { service } of route.destinations) named.set(service, `Route ${route.name}`);
  }
  for (const { serviceName } of endpoints) if (!named.has(serviceName)) named.set(serviceName, "its endpoints");
  return [...named].toSorted().flatMap(([service, from]) => {
    const all = endpoints.filter(({ serviceName }) => serviceName === service);
    if (all.some(({ healthy }) => healthy)) return [];
    if (all.length > 0) {
      return [problem(`service ${service}: none of its ${all.length} endpoints is healthy`, `heddle list endpoints`)];
    }
    return [
      problem(`service ${service} has no endpoints (named by ${from})`, `heddle run --service ${service} -- COMMAND`),
    ];
  });
}

/** What the apps' own proxies have reported; it counts only while the policy asks them. */
function failingApps({ serviceName, healthCheck }: ServicePolicy, endpoints: readonly ServiceEndpoint[]): Finding[] {
  if (healthCheck !== "proxy" && healthCheck !== "both") return [];
  const listed = endpoints.filter((row) => row.serviceName === serviceName && row.healthy);
  const failing = listed.filter(({ health }) => health === "failing");
  if (failing.length === 0) return [];
  const where = failing.map(({ podIp, port, registeredBy }) => registeredBy ?? `${podIp}:${port}`).join(", ");
  const text = `service ${serviceName}: ${failing.length} of ${listed.length} apps fail their health checks (${where})`;
  const tell = failing.length === listed.length ? problem : warning;
  return [tell(text, "heddle list endpoints")];
}

function splitFindings(split: TrafficSplit, endpoints: readonly ServiceEndpoint[]): readonly Finding[] {
  const name = describeKey(keyOf(split));
  const { v1Version, v2Version } = split;
  const ofService = endpoints.filter(({ serviceName }) => serviceName === split.destinationService);
  if (ofService.length === 0) return []; // said above, once
  // An endpoint without a version counts as the first side (seeds.md C16).
  const isPresent = (version: string): boolean =>
    ofService.some((endpoint) => (endpoint.version ?? v1Version) === version);
  const sides = [
    { version: v1Version, share: split.v1Weight, used: split.v1Weight > 0 },
    { version: v2Version, share: split.v2Weight, used: split.v2Weight > 0 || split.headerMatch !== null },
  ];
  return sides
    .filter(({ version, used }) => used && !isPresent(version))
    .map(({ version, share }) => {
      const text = `TrafficSplit ${name} sends ${share}% to ${version}, which has no endpoints`;
      const remedy = `heddle run --service ${split.destinationService} --version ${version} -- COMMAND`;
      return share > 0
        ? problem(text, remedy)
        : warning(`TrafficSplit ${name} sends matching headers to ${version}, which has no endpoints`, remedy);
    });
}

function shadowedRoutes(routes: readonly Route[]): readonly Finding[] {
  const ordered = routes.toSorted((a, b) => a.position - b.position || (a.name < b.name ? -1 : 1));
  return ordered.flatMap((route, at) => {
    const earlier = ordered.slice(0, at).find((candidate) => isShadowed(route, candidate));
    if (earlier === undefined) return [];
    return [
      warning(
        `Route ${route.name} can never match: ${earlier.name} (position ${earlier.position}) takes everything first`,
        `heddle route set ${route.name} --position ${Math.max(0, earlier.position - 1)}`,
      ),
    ];
  });
}
