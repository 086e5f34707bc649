import { unreachable } from "../../shared/assert.ts";
import type { Kind } from "../../control-plane/catalog/catalog.ts";
import { formatAgo } from "../output/age.ts";
import type { Column } from "../output/table.ts";
import { touchedGroups } from "./column-groups.ts";
import { show, type Fields } from "./diff-documents.ts";

/** The columns of `heddle list KIND`. Their order is stable; what fewer people ask for stands in `-o wide` only. */
export function resourceColumns(kind: Kind, nowWallMs: number): readonly Column<Fields>[] {
  switch (kind) {
    case "ServicePolicy":
      return policyColumns(nowWallMs);
    case "ServiceEndpoint":
      return endpointColumns;
    case "TrafficSplit":
      return splitColumns(nowWallMs);
    case "Route":
      return routeColumns(nowWallMs);
    default:
      return unreachable(kind);
  }
}

/** The columns of the table of policies, which its words need not repeat. */
const TABLED = ["timeout_ms", "retry_attempts", "cb_threshold", "cb_window_sec", "lb_policy"];

function policyColumns(nowWallMs: number): readonly Column<Fields>[] {
  return [
    text("SERVICE", "service_name"),
    number("TIMEOUT", "timeout_ms", "ms"),
    number("TRIES", "retry_attempts"),
    number("BREAKER", "cb_threshold", "%"),
    number("WINDOW", "cb_window_sec", "s"),
    text("LB", "lb_policy"),
    { header: "ALSO SET", text: (row) => touchedGroups(row, TABLED).join(", ") || undefined },
    wide(text("HASH ON", "hash_on")),
    wide(number("TRY TIMEOUT", "per_try_timeout_ms", "ms")),
    wide(number("BACKOFF BASE", "retry_backoff_base_ms", "ms")),
    wide(number("BACKOFF MAX", "retry_backoff_max_ms", "ms")),
    wide(number("CONNECT", "connect_timeout_ms", "ms")),
    wide(number("PANIC", "panic_threshold", "%")),
    updated(nowWallMs),
  ];
}

const endpointColumns: readonly Column<Fields>[] = [
  text("SERVICE", "service_name"),
  { header: "ADDRESS", text: (row) => `${bracketed(show(row["pod_ip"]))}:${show(row["port"])}` },
  text("VERSION", "version"),
  { header: "HEALTH", text: describeHealth },
  number("WEIGHT", "weight"),
  text("REGISTERED BY", "registered_by"),
];

function splitColumns(nowWallMs: number): readonly Column<Fields>[] {
  return [
    { header: "SOURCE", text: (row) => (row["source_service"] === undefined ? "*" : show(row["source_service"])) },
    text("DESTINATION", "destination_service"),
    { header: "V1", text: (row) => show(row["v1_version"]) },
    number("WEIGHT", "v1_weight", "%"),
    { header: "V2", text: (row) => show(row["v2_version"]) },
    number("WEIGHT", "v2_weight", "%"),
    text("HEADERS TO V2", "header_match"),
    wide(number("ID", "id")),
    updated(nowWallMs),
  ];
}

function routeColumns(nowWallMs: number): readonly Column<Fields>[] {
  return [
    number("POSITION", "position"),
    text("NAME", "name"),
    { header: "SOURCE", text: (row) => (row["source_service"] === undefined ? "*" : show(row["source_service"])) },
    text("SERVICE", "destination_service"),
    { header: "MATCH", text: describeMatch },
    { header: "TO", text: describeAction },
    wide(number("TIMEOUT", "timeout_ms", "ms")),
    wide(number("TRIES", "retry_attempts")),
    wide({ header: "REWRITE", text: (row) => show(row["prefix_rewrite"] ?? row["host_rewrite"]) }),
    updated(nowWallMs),
  ];
}

/** An operator or a lease that ended takes an endpoint out; what its own proxy found comes after that. */
function describeHealth(row: Fields): string {
  if (row["healthy"] === false) return "unhealthy";
  return row["health"] === "failing" ? "failing" : "healthy";
}

function describeMatch(row: Fields): string {
  const parts = [
    row["methods"] === undefined ? "" : show(row["methods"]).replaceAll(", ", "|"),
    row["path_exact"] === undefined ? "" : `= ${show(row["path_exact"])}`,
    row["path_prefix"] === undefined ? "" : `${show(row["path_prefix"])}/*`.replace("//*", "/*"),
    row["path_regex"] === undefined ? "" : `~ ${show(row["path_regex"])}`,
    row["header_match"] === undefined ? "" : show(row["header_match"]),
    row["query_match"] === undefined ? "" : `?${show(row["query_match"]).replaceAll(" ", "&")}`,
  ];
  return parts.filter((part) => part !== "").join(" ") || "everything";
}

function describeAction(row: Fields): string {
  if (row["redirect"] !== undefined) return `redirect ${show(row["redirect"])}`;
  if (row["direct_response"] !== undefined) {
    return `answer ${show((row["direct_response"] as Fields)["status"])}`; // a record of the field table
  }
  const destinations = (row["destinations"] ?? []) as readonly Fields[]; // records of the field table
  if (destinations.length === 0) return show(row["destination_service"]);
  return destinations
    .map((to) => {
      const name = to["version"] === undefined ? show(to["service"]) : `${show(to["service"])}@${show(to["version"])}`;
      return destinations.length === 1 ? name : `${name}:${show(to["weight"] ?? 1)}`;
    })
    .join(" ");
}

function text(header: string, column: string): Column<Fields> {
  return { header, text: (row) => show(row[column]) };
}

function number(header: string, column: string, unit = ""): Column<Fields> {
  return {
    header,
    align: "right",
    text: (row) => (row[column] === undefined ? undefined : `${show(row[column])}${unit}`),
  };
}

function wide(column: Column<Fields>): Column<Fields> {
  return { ...column, isWide: true };
}

function updated(nowWallMs: number): Column<Fields> {
  return {
    header: "UPDATED",
    text: (row) => {
      const at = row["updated_at"];
      return typeof at === "string" ? formatAgo(Date.parse(at), nowWallMs) : undefined;
    },
  };
}

function bracketed(ip: string): string {
  return ip.includes(":") ? `[${ip}]` : ip;
}
