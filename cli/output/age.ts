/** `3s`, `4m`, `5h`, `6d`: one unit, rounded down, so that a column of ages can be read at a glance. */
export function formatAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** `3s ago`, or `-` when it never happened. */
export function formatAgo(atWallMs: number | undefined, nowWallMs: number): string {
  return atWallMs === undefined ? "-" : `${formatAge(nowWallMs - atWallMs)} ago`;
}

/** A duration for a person: `0.4ms`, `38ms`, `1.25s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 10) return `${durationMs.toFixed(1)}ms`;
  if (durationMs < 1_000) return `${Math.round(durationMs)}ms`;
  return `${(durationMs / 1_000).toFixed(2)}s`;
}
