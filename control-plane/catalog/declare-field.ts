import * as limits from "../../shared/limits.ts";
import { SERVICE_NAME, SERVICE_NAME_WORDS } from "../../shared/service-name.ts";
import type { Field, Shape } from "./field.ts";

// The shapes that several kinds share, and short ways to declare a column. A table that reads like a list of columns is
// one that people keep right.

export const name: Shape = {
  type: "text",
  charsMax: limits.SERVICE_NAME_CHARS_MAX,
  pattern: SERVICE_NAME,
  words: SERVICE_NAME_WORDS,
};
export const version: Shape = {
  type: "text",
  charsMax: limits.VERSION_CHARS_MAX,
  pattern: /^[\x21-\x7e]+$/,
  words: `1-${limits.VERSION_CHARS_MAX} printable ASCII characters without spaces`,
};
export const host: Shape = {
  type: "text",
  charsMax: limits.HOST_CHARS_MAX,
  pattern: /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/,
  words: `a host, with :PORT if need be, of at most ${limits.HOST_CHARS_MAX} characters`,
};
export const path: Shape = { type: "path" };
export const boolean: Shape = { type: "boolean" };
export const headers: Shape = { type: "pairs", of: "headers" };
export const timestamp: Shape = { type: "text", charsMax: 32, pattern: /^\d{4}-/, words: "an RFC 3339 time" };
export const integer = (min: number, max: number): Shape => ({ type: "integer", min, max });

export function field(role: Field["role"], shape: Shape, fallback: unknown, help: string): Field {
  return { role, shape, fallback, help, required: false, unit: "" };
}
export const setting = (shape: Shape, fallback: unknown, help: string): Field =>
  field("setting", shape, fallback, help);
export const optional = (shape: Shape, help: string): Field => field("setting", shape, null, help);
export const required = (shape: Shape, help: string): Field => ({ ...setting(shape, null, help), required: true });
export const key = (shape: Shape, help: string): Field => ({ ...field("key", shape, null, help), required: true });
export const byServer = (shape: Shape, fallback: unknown, help: string): Field =>
  field("server", shape, fallback, help);
export const inMs = (f: Field): Field => ({ ...f, unit: " ms" });
export const inSeconds = (f: Field): Field => ({ ...f, unit: " s" });
export const inPercent = (f: Field): Field => ({ ...f, unit: "%" });

export const updatedAt = byServer(timestamp, "", "When the row last changed");
