import { stripVTControlCharacters } from "node:util";

/** One column of a table. `text` gives "" or undefined for no value, which prints as `-`. */
export interface Column<Row> {
  readonly header: string;
  readonly text: (row: Row) => string | undefined;
  readonly align?: "right";
  /** Shown only with `-o wide`. */
  readonly isWide?: true;
}

const GAP = "  ";

/** Lines of a table: UPPERCASE headers, text to the left, numbers to the right, `-` for nothing, no trailing blanks. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => column.text(row) || "-"));
  const lines = [columns.map((column) => column.header), ...cells];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => displayWidth(line[at] ?? ""))));
  return lines
    .map(
      (line) =>
        line
          .map((cell, at) => pad(cell, widths[at] ?? 0, columns[at]?.align))
          .join(GAP)
          .trimEnd() + "\n",
    )
    .join("");
}

function pad(cell: string, width: number, align: "right" | undefined): string {
  const blanks = " ".repeat(Math.max(0, width - displayWidth(cell)));
  return align === "right" ? blanks + cell : cell + blanks;
}

// Escape sequences of colours take no room; every other character Heddle prints is one column wide.
function displayWidth(cell: string): number {
  return [...stripVTControlCharacters(cell)].length;
}
