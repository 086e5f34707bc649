import type { Kind, Row } from "../catalog/catalog.ts";
import { documentFromRow, rowFromStoredDocument } from "../catalog/document.ts";
import { columnOf, type Field } from "../catalog/field.ts";
import { fieldsByKind } from "../catalog/fields.ts";

/** What better-sqlite3 binds and returns here. */
export type ColumnValue = string | number | null;

export function columnsOfKind(kind: Kind): readonly string[] {
  return Object.keys(fieldsByKind[kind]).map(columnOf);
}

/** A row as the values of its columns, in the order of {@link columnsOfKind}. Objects and lists are stored as JSON. */
export function columnValues(row: Row): readonly ColumnValue[] {
  const document = documentFromRow(row);
  return Object.entries(fieldsByKind[row.kind]).map(([property, field]) => {
    // A new split has no number yet; NULL makes SQLite give the next one.
    if (property === "id" && document["id"] === 0) return null;
    return toColumn(field, document[columnOf(property)]);
  });
}

export function rowFromColumns(kind: Kind, columns: Readonly<Record<string, unknown>>): Row {
  return rowFromStoredDocument(kind, documentFromColumns(kind, columns));
}

/** The document of a stored row, for checking what another program may have written. */
export function documentFromColumns(kind: Kind, columns: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const document: Record<string, unknown> = {};
  for (const [property, field] of Object.entries(fieldsByKind[kind])) {
    const column = columnOf(property);
    const value = columns[column];
    if (value !== null && value !== undefined) document[column] = fromColumn(field, value);
  }
  return document;
}

function toColumn(field: Field, value: unknown): ColumnValue {
  if (value === undefined || value === null) return Array.isArray(field.fallback) ? "[]" : null;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string" || typeof value === "number") return value;
  return JSON.stringify(value);
}

function fromColumn(field: Field, value: unknown): unknown {
  switch (field.shape.type) {
    case "boolean":
      return value === 1;
    case "pairs":
    case "methods":
    case "words":
    case "integers":
    case "record":
    case "records":
      return JSON.parse(String(value));
    default:
      return value;
  }
}
