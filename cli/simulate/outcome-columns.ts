import type { Column } from "../output/table.ts";
import type { Outcomes, Phase } from "./run-scenario.ts";

/** What is compared: while something is wrong, and how soon all is well again. */
export const outcomeColumns: readonly Column<Outcomes>[] = [
  { header: "POLICIES", text: ({ set }) => set },
  { header: "AMPLIFICATION", text: ({ amplification }) => `${amplification.toFixed(2)}x`, align: "right" },
  { header: "SUCCESS", text: ({ during }) => percent(during), align: "right" },
  { header: "P50", text: ({ during }) => ms(during.latencyMs(0.5)), align: "right" },
  { header: "P99", text: ({ during }) => ms(during.latencyMs(0.99)), align: "right" },
  { header: "RECOVERY", text: ({ recoveryMs }) => seconds(recoveryMs), align: "right" },
  { header: "AFTER", text: ({ after }) => percent(after), align: "right" },
  { header: "REFUSED", text: ({ refused }) => String(refused), align: "right" },
  { header: "OPENS", text: ({ opens }) => String(opens), align: "right", isWide: true },
  { header: "EJECTIONS", text: ({ ejections }) => String(ejections), align: "right", isWide: true },
  { header: "P50 BEFORE", text: ({ before }) => ms(before.latencyMs(0.5)), align: "right", isWide: true },
  { header: "P99 BEFORE", text: ({ before }) => ms(before.latencyMs(0.99)), align: "right", isWide: true },
];

/** The same for programs, in milliseconds and shares. */
export function outcomeData({
  set,
  amplification,
  recoveryMs,
  refused,
  opens,
  ejections,
  ...phases
}: Outcomes): object {
  const { before, during, after } = phases;
  return {
    policies: set,
    amplification,
    recoveryMs: recoveryMs === Infinity ? null : recoveryMs,
    before: phaseData(before),
    during: phaseData(during),
    after: phaseData(after),
    refused,
    breakerOpens: opens,
    ejections,
  };
}

function phaseData(phase: Phase): object {
  const { sent, succeeded } = phase;
  return { sent, succeeded, p50Ms: phase.latencyMs(0.5), p99Ms: phase.latencyMs(0.99) };
}

function percent({ sent, succeeded }: Phase): string {
  return `${((100 * succeeded) / sent).toFixed(1)} %`;
}

function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

function seconds(value: number): string {
  return value === Infinity ? "never" : `${(value / 1_000).toFixed(1)} s`;
}
