import type { Paint } from "../../cli/output/paint.ts";
import { renderTable, type Column } from "../../cli/output/table.ts";
import type { Result, Row } from "../figures/result.ts";
import { medianOf, spreadOf } from "../figures/spread.ts";
import { targetTable, verdictOf, type TargetReached } from "../figures/target-table.ts";
import { CPU_MS_PER_STREAM_MAX, STREAMS_JUDGED_MIN, type PushFigure } from "./push-cases.ts";

const COLUMNS: readonly { readonly figure: PushFigure; readonly header: string; readonly digits: number }[] = [
  { figure: "lastAckMs", header: "COMMIT TO LAST ACK ms", digits: 0 },
  { figure: "receiptP50Ms", header: "RECEIPT p50 ms", digits: 0 },
  { figure: "receiptP99Ms", header: "p99 ms", digits: 0 },
  { figure: "cpuMsPerStream", header: "CPU ms/STREAM AND EDIT", digits: 3 },
  { figure: "swarmCpuMsPerStream", header: "THE SWARM'S", digits: 3 },
  { figure: "connectSeconds", header: "ALL CURRENT s", digits: 2 },
  { figure: "idleKbPerStream", header: "KB/STREAM IDLE", digits: 1 },
  { figure: "kbPerStream", header: "AFTER EDITS", digits: 1 },
  { figure: "restartSeconds", header: "RESTART s", digits: 2 },
];

/** One table of all cases, then what was reached of what was aimed at. */
export function pushReportOf(rows: Result["rows"], paint: Paint): string {
  const shown = COLUMNS.filter(({ figure }) => rows.some((row) => (row.figures[figure] ?? []).length > 0));
  const columns: Column<Row>[] = [
    { header: "CASE", text: (row) => row.case },
    ...shown.map(({ figure, header, digits }): Column<Row> => ({
      header,
      align: "right",
      text: (row) =>
        valueText(row.figures[figure] ?? [], digits, figure === "lastAckMs" || figure === "cpuMsPerStream"),
    })),
  ];
  const failures = rows.flatMap(({ case: name, failure }) =>
    failure === undefined ? [] : [`  ${paint.bad(`${name} failed: ${failure}`)}\n`],
  );
  const targets = targetTable(judgePushTargets(rows), paint);
  return `${renderTable(columns, rows)}${failures.join("")}${targets === "" ? "" : `\n${targets}`}`;
}

/** The median, and of what is read first the least and the most as well. */
function valueText(values: readonly number[], digits: number, hasSpread: boolean): string {
  if (values.length === 0) return "";
  const { min, median, max } = spreadOf(values);
  if (!hasSpread || values.length === 1) return median.toFixed(digits);
  return `${median.toFixed(digits)} (${min.toFixed(digits)} .. ${max.toFixed(digits)})`;
}

export function judgePushTargets(rows: Result["rows"]): readonly TargetReached[] {
  return rows
    .filter((row) => Number.parseInt(row.case, 10) >= STREAMS_JUDGED_MIN)
    .map((row) => {
      const value = medianOf(row.figures["cpuMsPerStream"] ?? []);
      const max = CPU_MS_PER_STREAM_MAX;
      return { title: `CPU per stream and edit, ${row.case}`, value, max, unit: "ms", verdict: verdictOf(value, max) };
    });
}
