import { KINDS, type Row } from "../../control-plane/catalog/catalog.ts";
import { rowFromDocument } from "../../control-plane/catalog/document.ts";
import { keyOf, type RowKey } from "../../control-plane/catalog/row-key.ts";
import type { Resource } from "../../shared/wire/admin-api.ts";
import { inputError } from "../cli-error.ts";
import type { SourceDocument } from "./parse-documents.ts";
import { resourceOf } from "./resource-document.ts";

/** The messages of documents that are right in themselves; see {@link checkedRows}. */
export function checkedResources(documents: readonly SourceDocument[]): readonly Resource[] {
  // What the file leaves out is left out on the wire too: the control plane's defaults hold, not this program's.
  return checkedRows(documents).map((row, at) => resourceOf(row.kind, documents[at]?.fields ?? {}));
}

export function checkedKeys(documents: readonly SourceDocument[]): readonly RowKey[] {
  return checkedRows(documents).map(keyOf);
}

/**
 * One row for each document, or every violation of every document, each with the line and column of the field: the
 * control plane would refuse them too, but does not know the file.
 */
export function checkedRows(documents: readonly SourceDocument[]): readonly Row[] {
  const rows: Row[] = [];
  const wrong: string[] = [];
  for (const document of documents) {
    const row = rowFromDocument(document.fields);
    if (row.ok) rows.push(row.value);
    else wrong.push(...row.error.map(({ path, message }) => `${document.fieldAt(columnOfPath(path))}: ${message}`));
  }
  if (wrong.length > 0)
    throw inputError(wrong.join("\n"), `kinds: ${KINDS.join(", ")}; columns: heddle policy set --help`);
  return rows;
}

/** `destinations[0].weight` stands in the file under `destinations`. */
function columnOfPath(path: string): string {
  return /^[a-z0-9_]*/.exec(path)?.[0] ?? "";
}
