import type { Paint } from "../../cli/output/paint.ts";
import { renderTable, type Column } from "../../cli/output/table.ts";
import type { Result, Row } from "../figures/result.ts";
import { pairedRatio, spreadOf } from "../figures/spread.ts";
import { targetTable } from "../figures/target-table.ts";
import { CASES, type Case, type Figure } from "./cases.ts";
import { judgeTargets } from "./targets.ts";

const HEADERS: Readonly<Record<Figure, string>> = {
  cpuUsPerRequest: "CPU us/REQUEST",
  cpuUsPerMiB: "CPU us/MiB",
  requestsPerSecond: "REQUESTS/s",
  busyPercent: "BUSY %",
  p50Ms: "p50 ms",
  p99Ms: "p99 ms",
  p999Ms: "p99.9 ms",
  rssMb: "RSS MB",
  rssPeakMb: "RSS PEAK MB",
  rssMbWarm: "RSS MB, WARM",
  rssMb1000: "RSS MB, 1000",
  kbPerConnection: "KB/CONNECTION",
  generatorCpuPercent: "LOAD CPU %",
  generatorLateP99Ms: "LOAD LATE ms",
};

/** A table for each case, then what was reached of what was aimed at. */
export function reportOf(result: Result, paint: Paint): string {
  const tables = CASES.flatMap((testCase) => {
    const rows = result.rows.filter((row) => row.case === testCase.name);
    return rows.length === 0 ? [] : [`${testCase.title}\n${caseTable(testCase, rows)}${remarks(rows, paint)}`];
  });
  return [...tables, targetTable(judgeTargets(result.rows), paint)].filter((part) => part !== "").join("\n");
}

function caseTable(testCase: Case, rows: readonly Row[]): string {
  const [main] = testCase.figures;
  const ours = rows.find(({ peer }) => peer === "heddle");
  const columns: Column<Row>[] = [
    { header: "PEER", text: ({ peer }) => peer },
    ...testCase.figures.map((figure): Column<Row> => ({
      header: HEADERS[figure],
      align: "right",
      text: (row) => spreadText(row.figures[figure] ?? [], figure === main),
    })),
  ];
  if (ours !== undefined && main !== undefined)
    columns.push({
      header: "HEDDLE IS",
      align: "right",
      text: (row) => ratioText(ours.figures[main] ?? [], row.figures[main] ?? []),
    });
  return renderTable(columns, rows);
}

/** The median, and for what is compared the least and the most as well. */
function spreadText(values: readonly number[], isMain: boolean): string {
  if (values.length === 0) return "";
  const { min, median, max } = spreadOf(values);
  if (!isMain || values.length === 1) return numberText(median);
  return `${numberText(median)}  (${numberText(min)} .. ${numberText(max)})`;
}

function ratioText(ours: readonly number[], theirs: readonly number[]): string {
  const ratio = pairedRatio(ours, theirs);
  return Number.isNaN(ratio) ? "" : `${ratio.toFixed(2)}x`;
}

export function numberText(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString("en");
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

function remarks(rows: readonly Row[], paint: Paint): string {
  const lines = rows.flatMap(({ peer, invalid, failure }) => [
    ...(failure === undefined ? [] : [paint.bad(`${peer} failed: ${failure}`)]),
    ...(invalid.length === 0 ? [] : [paint.warn(`${peer}: ${invalid.length} rounds not counted: ${invalid.at(-1)}`)]),
  ]);
  return lines.map((line) => `  ${line}\n`).join("");
}
