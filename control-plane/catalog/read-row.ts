import { unreachable } from "../../shared/assert.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { Kind, Row } from "./catalog.ts";
import { fieldsByKind } from "./fields.ts";
import { readFields, type Naming } from "./read-value.ts";
import { rowProblems } from "./row-rules.ts";

/**
 * An input as a whole row: normal forms, defaults for what was left out, and the rules between fields; or every
 * violation. What the server sets (`id`, `updated_at`, `registered_by`) is ignored in the input. Messages name the row,
 * so that each can stand alone: `TrafficSplit reviews: Weights must sum to 100 (got 95+10=105)`.
 */
export function readRow(
  kind: Kind,
  input: Readonly<Record<string, unknown>>,
  naming: Naming,
): Result<Row, readonly Violation[]> {
  const read = readFields(fieldsByKind[kind], input, "", naming);
  const label = (): string => labelOf(kind, input, naming);
  if (!read.ok) return err(read.error.map(({ path, text }) => violation(path, `${label()}: ${path} ${text}`)));
  // The table of a kind has exactly the row's properties (FieldsOf), each with a shape that yields its type.
  const row = { kind, ...read.value } as unknown as Row;
  const problems = rowProblems(row);
  if (problems.length === 0) return ok(row);
  return err(problems.map(({ path, text }) => violation(path, `${label()}: ${text}`)));
}

/** How a message names a row that may be wrong itself: its kind and as much of its key as is text. */
function labelOf(kind: Kind, input: Readonly<Record<string, unknown>>, naming: Naming): string {
  const text = (column: string, property: string): string => {
    const value = input[naming === "column" ? column : property];
    return typeof value === "string" || typeof value === "number" ? String(value).slice(0, 128) : "";
  };
  const service = text("service_name", "serviceName");
  switch (kind) {
    case "ServicePolicy":
      return `${kind} ${service}`.trim();
    case "ServiceEndpoint":
      return `${kind} ${service}/${text("pod_ip", "podIp")}:${text("port", "port")}`;
    case "TrafficSplit": {
      const source = text("source_service", "sourceService");
      return `${kind} ${source === "" ? "" : `${source}->`}${text("destination_service", "destinationService")}`.trim();
    }
    case "Route":
      return `${kind} ${text("name", "name")}`.trim();
    default:
      return unreachable(kind);
  }
}
