import type { ClustersJson, ConfigDumpJson, DecisionJson, ListenersJson } from "../../data-plane/admin/admin-json.ts";
import { unreachable } from "../../shared/assert.ts";
import type { Route, RouteAction } from "../../shared/model/route.ts";
import { formatAge } from "./age.ts";
import { clusterStateColumns } from "./cluster-columns.ts";
import { decisionColumns } from "./decision-columns.ts";
import type { Printable } from "./formats.ts";
import { limitColumns } from "./limit-columns.ts";
import { describeMatch } from "./match-words.ts";
import { policyColumns, policyLines } from "./policy-table.ts";
import { clusterPolicyWords, routePolicyWords, type PolicyWords } from "./policy-words.ts";
import type { Column } from "./table.ts";

/** One printable part; the type of its rows is its own business. */
export type ConfigTable = Printable<never>;

/** The tables of `heddle pc`. The last column names the row a rule came from: the first question of everyone. */
export function proxyTables(
  dump: ConfigDumpJson,
  clusters: ClustersJson,
  listeners: ListenersJson,
): Readonly<Record<"listeners" | "routes" | "clusters" | "endpoints" | "policies" | "limits", ConfigTable>> {
  return {
    listeners: listenerTable(dump, listeners),
    routes: routeTable(dump),
    clusters: clusterTable(dump, clusters),
    endpoints: endpointTable(clusters),
    policies: policyTable(dump),
    limits: limitTable(dump),
  };
}

function listenerTable(dump: ConfigDumpJson, { listeners }: ListenersJson): ConfigTable {
  const routesOf = (name: string): string => {
    const routes = dump.listeners.find((listener) => listener.name === name)?.routes;
    if (routes === undefined) return "";
    return routes.kind === "rds" ? routes.routeConfigName : routes.config.name;
  };
  return table({
    columns: [
      { header: "NAME", text: ({ name }) => name },
      { header: "DIRECTION", text: ({ direction }) => direction },
      { header: "ADDRESS", text: ({ address }) => address },
      { header: "CONFIGURED", text: ({ configured }) => (configured ? "yes" : "no") },
      { header: "ROUTES", text: ({ name }) => routesOf(name) },
    ],
    rows: listeners,
    data: listeners,
    empty: "no listeners",
  });
}

function limitTable({ rateLimits }: ConfigDumpJson): ConfigTable {
  return table({ columns: limitColumns, rows: rateLimits, data: rateLimits, empty: "no limits" });
}

export function decisionTable(decisions: readonly DecisionJson[], nowWallMs: number): ConfigTable {
  return table({ columns: decisionColumns(nowWallMs), rows: decisions, data: decisions, empty: "no decisions" });
}

interface RouteLine {
  readonly table: string;
  readonly domains: readonly string[];
  readonly route: Route;
}

function routeTable(dump: ConfigDumpJson): ConfigTable {
  const rows: readonly RouteLine[] = dump.routes.flatMap((config) =>
    config.virtualHosts.flatMap(({ domains, routes }) =>
      routes.map((route) => ({ table: config.name, domains, route })),
    ),
  );
  return table({
    columns: [
      { header: "TABLE", text: (line) => line.table },
      { header: "HOST", text: ({ domains }) => shortDomains(domains) },
      { header: "DOMAINS", text: ({ domains }) => domains.join(" "), isWide: true },
      { header: "MATCH", text: ({ route }) => describeMatch(route.match) },
      { header: "TO", text: ({ route }) => describeAction(route.action) },
      { header: "TIMEOUT", align: "right", text: ({ route }) => timeoutOf(route.action) },
      { header: "RETRIES", align: "right", text: ({ route }) => retriesOf(route.action) },
      { header: "POLICIES", text: ({ route }) => names(routePolicyWords(route)), isWide: true },
      { header: "RULE", text: ({ route }) => route.name },
    ],
    rows,
    data: dump.routes,
    empty: "no routes",
  });
}

function clusterTable(dump: ConfigDumpJson, { clusters }: ClustersJson): ConfigTable {
  const byName = new Map(dump.clusters.map((cluster) => [cluster.name, cluster]));
  const policiesOf = (name: string): string => {
    const cluster = byName.get(name);
    return cluster === undefined ? "" : names(clusterPolicyWords(cluster.policies));
  };
  return table({
    columns: [
      { header: "NAME", text: ({ name }) => name },
      { header: "SERVICE", text: ({ service }) => service },
      { header: "VERSION", text: ({ version }) => version },
      { header: "LB", text: ({ lb }) => lb.kind },
      { header: "ENDPOINTS", align: "right", text: ({ endpoints }) => String(endpoints.length) },
      {
        header: "HEALTHY",
        align: "right",
        text: ({ endpoints }) => String(endpoints.filter(({ healthFlags }) => healthFlags.length === 0).length),
      },
      { header: "PANIC", text: ({ isInPanic }) => (isInPanic ? "all are used" : "") },
      ...clusterStateColumns,
      { header: "POLICIES", text: ({ name }) => policiesOf(name), isWide: true },
    ],
    rows: clusters,
    data: dump.clusters,
    empty: "no clusters",
  });
}

function endpointTable({ clusters }: ClustersJson): ConfigTable {
  const rows = clusters.flatMap((cluster) =>
    cluster.endpoints.map((endpoint) => ({ ...endpoint, cluster: cluster.name })),
  );
  return table({
    columns: [
      { header: "ENDPOINT", text: ({ address }) => address },
      { header: "VERSION", text: ({ version }) => version },
      { header: "HEALTH", text: describeHealth },
      {
        header: "BACK IN",
        align: "right",
        text: ({ ejection }) => (ejection === null ? "" : formatAge(ejection.leftMs)),
      },
      { header: "WHY", text: describeFindings },
      { header: "WEIGHT", align: "right", text: ({ weight }) => String(weight) },
      { header: "ACTIVE", align: "right", text: ({ active }) => String(active) },
      { header: "REQUESTS", align: "right", text: ({ requests }) => String(requests) },
      { header: "FAILURES", align: "right", text: ({ failures }) => String(failures) },
      {
        header: "CONNECT FAILURES",
        align: "right",
        text: ({ connectFailures }) => String(connectFailures),
        isWide: true,
      },
      { header: "PRIORITY", align: "right", text: ({ priority }) => String(priority), isWide: true },
      { header: "CLUSTER", text: ({ cluster }) => cluster },
    ],
    rows,
    data: rows,
    empty: "no endpoints",
  });
}

function policyTable(dump: ConfigDumpJson): ConfigTable {
  const rows = policyLines(dump);
  return table({ columns: policyColumns, rows, data: rows, empty: "no policies" });
}

function names(words: readonly PolicyWords[]): string {
  return words.map(({ policy }) => policy).join(" ");
}

type EndpointFacts = ClustersJson["clusters"][number]["endpoints"][number];

/** One word: what keeps requests away comes first. */
export function describeHealth({ health, ejection, check, isStarting }: EndpointFacts): string {
  if (health !== "healthy") return health;
  if (ejection !== null) return "ejected";
  if (check?.health === "unhealthy") return "failing";
  return isStarting ? "starting" : "healthy";
}

/** What it was ejected for, and what the proxy's own check was answered with when that was no good. */
export function describeFindings({ ejection, check }: EndpointFacts): string {
  const failed = check?.health === "unhealthy" ? [check.detail] : [];
  return [...(ejection === null ? [] : [ejection.reason]), ...failed].join(", ");
}

/** Forgets the type of the rows once columns and rows are known to fit each other. */
function table<Row>(printable: { readonly columns: readonly Column<Row>[] } & Printable<Row>): ConfigTable {
  return printable as unknown as ConfigTable; // columns and rows stay together, so each column gets the rows it was made for
}

/** A service is known by many names (with ports, with its domain): the shortest says it. */
function shortDomains(domains: readonly string[]): string {
  const shortest = domains.toSorted((a, b) => a.length - b.length)[0] ?? "";
  return domains.length > 1 ? `${shortest} (+${domains.length - 1})` : shortest;
}

export function describeAction(action: RouteAction): string {
  switch (action.kind) {
    case "forward":
      return action.clusters
        .map(({ cluster, weight }) => (action.clusters.length === 1 ? cluster : `${cluster}:${weight}`))
        .join(" ");
    case "redirect":
      return `redirect ${action.status}`;
    case "respond":
      return `answer ${action.status}`;
    default:
      return unreachable(action);
  }
}

function timeoutOf(action: RouteAction): string {
  if (action.kind !== "forward" || action.timeoutMs === undefined) return "";
  return action.timeoutMs === 0 ? "none" : `${action.timeoutMs}ms`;
}

function retriesOf(action: RouteAction): string {
  return action.kind === "forward" && action.retry !== undefined ? String(action.retry.retries) : "";
}
