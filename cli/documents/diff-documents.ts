import type { Paint } from "../output/paint.ts";
import { toldColumns } from "./column-groups.ts";

/** A resource as a flat object of columns. */
export type Fields = Readonly<Record<string, unknown>>;

/** One row before and after a change, with the words that name it. */
export interface DocumentChange {
  readonly kind: string;
  readonly key: string;
  readonly before: Fields | undefined;
  readonly after: Fields | undefined;
}

/** Columns that the server writes itself: their change is no news. */
const BOOKKEEPING = new Set(["updated_at", "id", "kind"]);

/** Whether a change is more than the server's bookkeeping. */
export function isRealChange({ before, after }: DocumentChange): boolean {
  if (before === undefined || after === undefined) return before !== after;
  return changedColumns(before, after).length > 0;
}

function changedColumns(before: Fields, after: Fields): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.filter((name) => !BOOKKEEPING.has(name) && show(before[name]) !== show(after[name]));
}

/**
 * Lines that show what a change does: `+` a new row (a policy without what is at its default), `-` one that goes, `~` one whose columns change, and under it each
 * column as `old -> new`.
 */
export function renderChange(change: DocumentChange, paint: Paint): string {
  const title = `${change.kind} ${change.key}`;
  if (change.before === undefined)
    return `${paint.good(`+ ${title}`)}\n${renderFields(toldColumns(change.kind, change.after ?? {}))}`;
  if (change.after === undefined) return `${paint.bad(`- ${title}`)}\n`;
  const { before, after } = change;
  const names = changedColumns(before, after);
  const width = Math.max(0, ...names.map((name) => name.length));
  const lines = names.map((name) => `    ${name.padEnd(width)}  ${show(before[name])} -> ${show(after[name])}\n`);
  return `${paint.warn(`~ ${title}`)}\n${lines.join("")}`;
}

/** The columns of one row, one a line. */
export function renderFields(fields: Fields): string {
  const names = Object.keys(fields).filter((name) => !BOOKKEEPING.has(name));
  const width = Math.max(0, ...names.map((name) => name.length));
  return names.map((name) => `    ${name.padEnd(width)}  ${show(fields[name])}\n`).join("");
}

/** A value on one line; `-` for none. */
export function show(value: unknown): string {
  if (value === undefined || value === null || value === "") return "-";
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "-" : value.map(show).join(", ");
  const entries = Object.entries(value);
  return entries.length === 0 ? "-" : entries.map(([name, inner]) => `${name}=${show(inner)}`).join(" ");
}
