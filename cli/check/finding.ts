import type { Mark } from "../output/paint.ts";

/** One line of `heddle check`. Whatever is not ok names the command that mends it, or shows more. */
export type Finding =
  | { readonly mark: "ok"; readonly text: string }
  | { readonly mark: Exclude<Mark, "ok">; readonly text: string; readonly remedy: string };

export function fine(text: string): Finding {
  return { mark: "ok", text };
}

/** Deserves a look, breaks nothing now. */
export function warning(text: string, remedy: string): Finding {
  return { mark: "warn", text, remedy };
}

export function problem(text: string, remedy: string): Finding {
  return { mark: "bad", text, remedy };
}
