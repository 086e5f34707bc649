import { err, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import { KINDS, type Kind, type Row } from "./catalog.ts";
import { columnOf, type FieldTable } from "./field.ts";
import { fieldsByKind } from "./fields.ts";
import { readRow } from "./read-row.ts";
import { isRecord, nearestOf, quote } from "./read-value.ts";

/**
 * Reads one resource document, as people write it in YAML or JSON: flat, `kind` and the names of the columns. Returns
 * the whole row with defaults filled in, or every violation; an unknown key is one and names the nearest known key.
 */
export function rowFromDocument(document: unknown): Result<Row, readonly Violation[]> {
  if (!isRecord(document))
    return err([violation("", `a resource must be an object with a kind (got ${quote(document)})`)]);
  const { kind: given, ...input } = document;
  const kind = KINDS.find((known) => known === given);
  if (kind === undefined) return err([violation("kind", unknownKind(given))]);
  return readRow(kind, input, "column");
}

/** A row as a document: `kind` first, then the columns in the order of the field table; unset ones are left out. */
export function documentFromRow(row: Row): Record<string, unknown> {
  return { kind: row.kind, ...columnsOf(fieldsByKind[row.kind], { ...row }) };
}

/**
 * The row of a document that the store itself wrote: what the server sets is read too, and columns that were added
 * since get their defaults. The content is trusted, for it was validated when it was stored.
 */
export function rowFromStoredDocument(kind: Kind, document: Readonly<Record<string, unknown>>): Row {
  // FieldsOf proves that the table has exactly the row's properties; documentFromRow wrote their values.
  return { kind, ...propertiesOf(fieldsByKind[kind], document) } as unknown as Row;
}

function unknownKind(given: unknown): string {
  const nearest = typeof given === "string" ? nearestOf(given, KINDS) : undefined;
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return `kind must be one of ${KINDS.join(", ")} (got ${quote(given)})${hint}`;
}

function columnsOf(fields: FieldTable, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const columns: Record<string, unknown> = {};
  for (const [property, field] of Object.entries(fields)) {
    const value = values[property];
    if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    if (field.shape.type === "record" && isRecord(value))
      columns[columnOf(property)] = columnsOf(field.shape.fields, value);
    else if (field.shape.type === "records" && Array.isArray(value)) {
      const { fields: inner } = field.shape;
      columns[columnOf(property)] = value.filter(isRecord).map((entry) => columnsOf(inner, entry));
    } else columns[columnOf(property)] = value;
  }
  return columns;
}

function propertiesOf(fields: FieldTable, columns: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [property, field] of Object.entries(fields)) {
    const value = columns[columnOf(property)] ?? field.fallback;
    if (field.shape.type === "record" && isRecord(value)) values[property] = propertiesOf(field.shape.fields, value);
    else if (field.shape.type === "records" && Array.isArray(value)) {
      const { fields: inner } = field.shape;
      values[property] = value.filter(isRecord).map((entry) => propertiesOf(inner, entry));
    } else values[property] = value;
  }
  return values;
}
