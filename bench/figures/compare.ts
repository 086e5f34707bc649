import type { Result } from "./result.ts";
import { spreadOf, type Spread } from "./spread.ts";

/** One figure of two results. */
export interface Change {
  readonly case: string;
  readonly peer: string;
  readonly figure: string;
  readonly before: Spread;
  readonly after: Spread;
  /** Median after over median before. */
  readonly ratio: number;
  /** The ranges of the rounds overlap: the difference may be chance. */
  readonly isNoise: boolean;
}

/** Every figure that both results have, in the order of the first. */
export function compareResults(before: Pick<Result, "rows">, after: Pick<Result, "rows">): readonly Change[] {
  return before.rows.flatMap((row) => {
    const other = after.rows.find((one) => one.case === row.case && one.peer === row.peer);
    return Object.entries(row.figures).flatMap(([figure, values]) => {
      const others = other?.figures[figure] ?? [];
      if (values.length === 0 || others.length === 0) return [];
      return [changeOf({ case: row.case, peer: row.peer, figure }, spreadOf(values), spreadOf(others))];
    });
  });
}

function changeOf(of: Pick<Change, "case" | "peer" | "figure">, before: Spread, after: Spread): Change {
  const isNoise = before.min <= after.max && after.min <= before.max;
  return { ...of, before, after, ratio: after.median / before.median, isNoise };
}
