import { formatDuration } from "../../output/age.ts";
import { renderTable, type Column } from "../../output/table.ts";
import { amplification, p99Ms, success, type SideTally, type Stretch } from "./side-tally.ts";

/** When ratings became slow, when it was well again, and when the story ended; monotonic. */
export interface Times {
  readonly slowMs: number;
  readonly wellMs: number;
  readonly endMs: number;
}

/** The protected side held when all of these are true. */
const SUCCESS_MIN = 0.99;
/** A budget of 20 %, and the minimum that is granted whatever the rate. */
const AMPLIFICATION_MAX = 1.2;
const RETRIES_GRANTED_PER_SEC = 3;
const BUDGET_WINDOW_MS = 10_000;
const AT_ONCE_MS = 100;

/** What the protected side did not keep, in words; empty when it held. */
export function shortfalls(tally: SideTally, { slowMs, wellMs, endMs }: Times): readonly string[] {
  const found: string[] = [];
  const trouble = tally.stretch(slowMs, endMs);
  if (!(success(trouble) >= SUCCESS_MIN)) {
    found.push(
      `only ${percent(success(trouble))} of the requests were answered; ${percent(SUCCESS_MIN)} is what it takes`,
    );
  }
  const slow = tally.stretch(slowMs, wellMs);
  const reachedMax =
    AMPLIFICATION_MAX * slow.sent + (RETRIES_GRANTED_PER_SEC * (wellMs - slowMs + BUDGET_WINDOW_MS)) / 1_000;
  if (slow.reached > reachedMax) {
    found.push(
      `${slow.reached} requests reached ratings while it was slow; its budget grants ${Math.floor(reachedMax)}`,
    );
  }
  if (tally.steadyAfterMs(wellMs) === undefined) {
    found.push("ratings was well again, and its answers did not come back");
  }
  return found;
}

/** The last table: both sides beside each other, and what that means for ratings. */
export function renderVerdict(naive: SideTally, guarded: SideTally, times: Times): string {
  const sides = [naive, guarded];
  const slow = sides.map((tally) => tally.stretch(times.slowMs, times.wellMs));
  const after = sides.map((tally) => tally.stretch(times.wellMs, times.endMs));
  const steady = sides.map((tally) => tally.steadyAfterMs(times.wellMs));
  const rows = [
    ...stretchRows(`while ratings is slow (${formatDuration(times.wellMs - times.slowMs)})`, slow),
    ...stretchRows(`when it is well again (${formatDuration(times.endMs - times.wellMs)})`, after),
    {
      what: "only its own answers again",
      cells: steady.map(words),
    },
  ];
  const [ofNaive = 0, ofGuarded = 0] = sides.map((tally) => tally.stretch(times.slowMs, times.endMs).reached);
  return [
    `\n${renderTable(COLUMNS, rows)}`,
    `\nRequests at ratings: ${ofNaive} naive, ${ofGuarded} protected, ${percent(1 - ofGuarded / ofNaive)} less.\n`,
  ].join("");
}

function words(steadyAfterMs: number | undefined): string {
  if (steadyAfterMs === undefined) return "never";
  return steadyAfterMs < AT_ONCE_MS ? "at once" : `after ${formatDuration(steadyAfterMs)}`;
}

interface Line {
  readonly what: string;
  readonly cells: readonly string[];
}

const COLUMNS: readonly Column<Line>[] = [
  { header: "", text: ({ what }) => what },
  { header: "NAIVE", align: "right", text: ({ cells }) => cells[0] },
  { header: "PROTECTED", align: "right", text: ({ cells }) => cells[1] },
];

function stretchRows(title: string, stretches: readonly Stretch[]): readonly Line[] {
  const line = (what: string, cell: (stretch: Stretch) => string): Line => ({ what, cells: stretches.map(cell) });
  return [
    line(title, ({ sent }) => `${sent} requests`),
    line("  answered", (stretch) => percent(success(stretch))),
    line("  of these by the fallback", ({ full, fallback }) => percent(fallback / (full + fallback))),
    line("  p99", (stretch) => formatDuration(p99Ms(stretch))),
    line("  at ratings, per request", (stretch) => `${amplification(stretch).toFixed(1)}x`),
  ];
}

/** Rounded down: 100% is said of nothing that failed once. */
function percent(share: number): string {
  return Number.isNaN(share) ? "-" : `${(Math.floor(share * 1_000) / 10).toFixed(1)}%`;
}
