import { formatDuration } from "../output/age.ts";
import { renderTable, type Column } from "../output/table.ts";
import { PHASES, type Step } from "./story.ts";
import { percentile, shareOf, type PhaseTally, type Tally } from "./tally.ts";

/** Shares drawn at random are judged at five standard deviations: a right split fails once in two million runs. */
const DEVIATIONS = 5;

/** The share of v2 that each phase must show. */
const EXPECTED_V2: ReadonlyMap<string, number> = new Map([
  [PHASES.before, 0],
  [PHASES.canary, 0.1],
  [PHASES.after, 1],
  [PHASES.dead, 1],
  [PHASES.fromDisk, 1],
  [PHASES.reviving, 1],
  [PHASES.back, 1],
  [PHASES.edited, 1],
]);

/** Everything that did not go as promised, in words; empty when the demo went well. */
export function shortfalls(tally: Tally): readonly string[] {
  const { sent, answered, failed } = tally.totals;
  const found: string[] = [];
  if (failed > 0) found.push(`${failed} of ${sent} requests failed`, ...tally.failures.map((words) => `  ${words}`));
  if (sent !== answered + failed) found.push(`${sent - answered - failed} requests have no outcome`);
  for (const phase of tally.phases) {
    const expected = EXPECTED_V2.get(phase.name);
    if (expected === undefined || phase.answered === 0) continue;
    const share = shareOf(phase, "v2");
    const allowed = DEVIATIONS * Math.sqrt((expected * (1 - expected)) / phase.answered);
    if (Math.abs(share - expected) > allowed) {
      found.push(`${phase.name}: v2 got ${percent(share)} instead of ${percent(expected)}`);
    }
  }
  for (const { service, missing } of tally.reconciled()) {
    if (missing > 0) found.push(`${missing} answered requests never reached ${service}`);
  }
  return found;
}

/** The tables at the end: the traffic, what was done to the mesh, and both ends of the count. */
export function renderSummary(tally: Tally, steps: readonly Step[]): string {
  const { sent, answered, failed } = tally.totals;
  const seen = tally
    .reconciled()
    .map(({ service, requests, twice }) => `${service} ${requests}${twice > 0 ? ` (${twice} of them retried)` : ""}`);
  return [
    "\nTraffic\n",
    renderTable(PHASE_COLUMNS, summedByName(tally.phases)),
    "\nChanges\n",
    renderTable(STEP_COLUMNS, steps),
    `\nsent ${sent}, answered ${answered}, failed ${failed}\n`,
    `requests seen by the services: ${seen.join(", ")}\n`,
  ].join("");
}

const PHASE_COLUMNS: readonly Column<PhaseTally>[] = [
  { header: "WHILE", text: ({ name }) => name },
  { header: "REQUESTS", align: "right", text: ({ sent }) => String(sent) },
  { header: "FAILED", align: "right", text: ({ failed }) => String(failed) },
  { header: "REVIEWS V1", align: "right", text: (phase) => percent(shareOf(phase, "v1")) },
  { header: "REVIEWS V2", align: "right", text: (phase) => percent(shareOf(phase, "v2")) },
  { header: "P50", align: "right", text: ({ latenciesMs }) => formatDuration(percentile(latenciesMs, 0.5)) },
  { header: "P99", align: "right", text: ({ latenciesMs }) => formatDuration(percentile(latenciesMs, 0.99)) },
];

const STEP_COLUMNS: readonly Column<Step>[] = [
  { header: "WHAT", text: ({ what }) => what },
  { header: "REVISION", text: ({ revision }) => (revision === undefined ? "" : `r${revision}`) },
  { header: "TOOK", align: "right", text: ({ tookMs }) => formatDuration(tookMs) },
  { header: "UNTIL", text: ({ until }) => until },
];

/** The short stretches between phases make one row, the last. */
function summedByName(phases: readonly PhaseTally[]): readonly PhaseTally[] {
  const rows = new Map<string, PhaseTally>();
  for (const phase of phases.toSorted((a, b) => Number(a.name === PHASES.moving) - Number(b.name === PHASES.moving))) {
    const row = rows.get(phase.name);
    rows.set(phase.name, row === undefined ? phase : added(row, phase));
  }
  return [...rows.values()].filter(({ sent }) => sent > 0);
}

function added(a: PhaseTally, b: PhaseTally): PhaseTally {
  const versions = new Map(a.versions);
  for (const [version, count] of b.versions) versions.set(version, (versions.get(version) ?? 0) + count);
  return {
    name: a.name,
    sent: a.sent + b.sent,
    answered: a.answered + b.answered,
    failed: a.failed + b.failed,
    versions,
    latenciesMs: [...a.latenciesMs, ...b.latenciesMs],
  };
}

function percent(share: number): string {
  return Number.isNaN(share) ? "" : `${(share * 100).toFixed(1)}%`;
}
