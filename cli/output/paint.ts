/** Colours for a terminal, or none at all: a colour is never the only sign of anything. */
export interface Paint {
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
  dim(text: string): string;
}

export function paintFor(hasColor: boolean): Paint {
  const wrap = (code: number) => (text: string) => (hasColor && text !== "" ? `\u001b[${code}m${text}\u001b[0m` : text);
  return { good: wrap(32), warn: wrap(33), bad: wrap(31), dim: wrap(2) };
}

export type Mark = "ok" | "warn" | "bad";

/** The sign before a line of `check`; ASCII where the terminal is not UTF-8. */
export function markOf(mark: Mark, hasUnicode: boolean): string {
  if (!hasUnicode) return { ok: "ok", warn: "!", bad: "x" }[mark];
  return { ok: "✓", warn: "‼", bad: "×" }[mark];
}
