import type { Paint } from "../../cli/output/paint.ts";
import { renderTable } from "../../cli/output/table.ts";

/** A number that was aimed at, and what it is. */
export interface TargetReached {
  readonly title: string;
  /** NaN when no round was valid. */
  readonly value: number;
  readonly max: number;
  readonly unit: string;
  readonly verdict: "reached" | "missed" | "not measured";
}

export function verdictOf(value: number, max: number): TargetReached["verdict"] {
  if (Number.isNaN(value)) return "not measured";
  return value <= max ? "reached" : "missed";
}

/** Empty without targets. */
export function targetTable(judged: readonly TargetReached[], paint: Paint): string {
  if (judged.length === 0) return "";
  return `Targets\n${renderTable(
    [
      { header: "NUMBER", text: ({ title }) => title },
      {
        header: "IS",
        align: "right",
        text: ({ value, unit }) => (Number.isNaN(value) ? "" : `${value.toFixed(unit === "ms" ? 3 : 2)} ${unit}`),
      },
      { header: "AT MOST", align: "right", text: ({ max, unit }) => `${max} ${unit}` },
      {
        header: "",
        text: ({ verdict }) =>
          ({ reached: paint.good, missed: paint.bad, "not measured": paint.warn })[verdict](verdict),
      },
    ],
    judged,
  )}`;
}
