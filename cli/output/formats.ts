import type { Option } from "commander";

import type { Terminal } from "../terminal.ts";
import { renderTable, type Column } from "./table.ts";
import { flag } from "../flag.ts";

export const FORMATS = ["table", "wide", "json", "yaml"] as const;
export type Format = (typeof FORMATS)[number];

/** `-o table|wide|json|yaml`, the same for every command that prints data. */
export function outputOption(): Option {
  return flag("-o, --output <format>", "how to print").choices(FORMATS).default("table");
}

/** What can be printed in every format: rows for people, `data` for programs. */
export interface Printable<Row> {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Printed by json as it stands, and by yaml as one document, or as many when it is a list. */
  readonly data: unknown;
  /** Said on stderr when there are no rows. */
  readonly empty: string;
}

export async function print<Row>(terminal: Terminal, format: Format, printable: Printable<Row>): Promise<void> {
  if (format === "json" || format === "yaml") return printData(terminal, format, printable.data);
  if (printable.rows.length === 0) return terminal.note(printable.empty);
  const columns = printable.columns.filter((column) => format === "wide" || column.isWide !== true);
  terminal.out(renderTable(columns, printable.rows));
}

/** Whole numbers beyond 2^53 are printed as text, as protobuf's JSON does. */
export async function printData(terminal: Terminal, format: "json" | "yaml", data: unknown): Promise<void> {
  if (format === "json") return terminal.out(`${JSON.stringify(data, plainValue, 2)}\n`);
  const { stringify } = await import("yaml");
  const documents = Array.isArray(data) ? data : [data];
  const plain: unknown[] = documents.map((document: unknown) => JSON.parse(JSON.stringify(document, plainValue)));
  terminal.out(plain.map((document) => stringify(document)).join("---\n"));
}

function plainValue(_key: string, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}
