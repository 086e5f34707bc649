import { RE2JS } from "re2js";

import { unreachable } from "../../shared/assert.ts";
import * as limits from "../../shared/limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { columnOf, describeRange, type Field, type FieldTable, type Shape } from "./field.ts";
import { canonicalIp, isUnspecifiedIp } from "./ip-address.ts";

/** What is wrong with a value, where, without the name of the row. */
export interface Problem {
  readonly path: string;
  readonly text: string;
}

/** Whether an input has the names of columns (a document) or of properties (a decoded message). */
export type Naming = "column" | "property";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const CLUSTER = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?(?:\/[\x21-\x7e]{1,32})?$/;
const PATH = /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/;
// Visible text of one header line (RFC 9110, 5.5), without blanks at the ends: a parsed value never has them.
const HEADER_VALUE = /^(?:[\x21-\x7e\x80-\uffff](?:[\t\x20-\x7e\x80-\uffff]*[\x21-\x7e\x80-\uffff])?)?$/;

/**
 * Reads one value: the normal form of it (header names in lower case, methods in upper case, one spelling per address),
 * or all that is wrong. The value is present: omitted ones are {@link readFields}'s matter.
 */
export function readValue(
  field: Field,
  value: unknown,
  path: string,
  naming: Naming,
): Result<unknown, readonly Problem[]> {
  const { shape } = field;
  const refused = (): Result<never, readonly Problem[]> =>
    err([{ path, text: `must be ${describeRange(field)} (got ${quote(value)})` }]);
  switch (shape.type) {
    case "integer":
      return isInteger(value, shape.min, shape.max) ? ok(value) : refused();
    case "boolean":
      return typeof value === "boolean" ? ok(value) : refused();
    case "choice":
      return shape.values.some((choice) => choice === value) ? ok(value) : refused();
    case "text":
      return isText(value, shape.charsMax) && shape.pattern.test(value) ? ok(value) : refused();
    case "ip":
      return readIp(value, path) ?? refused();
    case "path":
      return isText(value, limits.PATH_CHARS_MAX) && PATH.test(value) ? ok(value) : refused();
    case "regex":
      return readRegex(value, path);
    case "hash-on":
      return readHashOn(value) ?? refused();
    case "pairs":
      return isRecord(value) ? readPairs(value, path, shape.of) : refused();
    case "methods":
      return Array.isArray(value) ? readMethods(value, path) : refused();
    case "words":
      return readWords(value, shape.values) ?? refused();
    case "integers":
      return readIntegers(value, shape) ?? refused();
    case "rate-limit-by":
      return readRateLimitBy(value) ?? refused();
    case "cluster":
      return isText(value, limits.SERVICE_NAME_CHARS_MAX + 1 + limits.VERSION_CHARS_MAX) && CLUSTER.test(value)
        ? ok(value)
        : refused();
    case "record":
      return isRecord(value) ? readFields(shape.fields, value, `${path}.`, naming) : refused();
    case "records":
      return Array.isArray(value) ? readRecords(value, path, { ...shape, naming }) : refused();
    default:
      return unreachable(shape);
  }
}

/** Reads a whole table of fields from an object; omitted fields get their fallback. `prefix` stands before each path. */
export function readFields(
  fields: FieldTable,
  input: Readonly<Record<string, unknown>>,
  prefix: string,
  naming: Naming,
): Result<Record<string, unknown>, readonly Problem[]> {
  const problems: Problem[] = naming === "column" ? unknownKeys(fields, input, prefix) : [];
  const values: Record<string, unknown> = {};
  for (const [property, field] of Object.entries(fields)) {
    const column = columnOf(property);
    const value = field.role === "server" ? undefined : input[naming === "column" ? column : property];
    if (isOmitted(field.shape, value, naming)) {
      values[property] = field.fallback;
      if (field.required) problems.push({ path: prefix + column, text: `is missing: ${describeRange(field)}` });
      continue;
    }
    const read = readValue(field, value, prefix + column, naming);
    if (read.ok) values[property] = read.value;
    else problems.push(...read.error);
  }
  return problems.length === 0 ? ok(values) : err(problems);
}

/** A value as a message shows it: JSON, cut short. */
export function quote(value: unknown): string {
  const text = typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? "nothing");
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

/**
 * Proto3 cannot tell an unset map or list from an empty one, and "" names nothing: all are "left out", as null is. In a
 * document an empty list is something else where one must not be empty, and is refused.
 */
function isOmitted(shape: Shape, value: unknown, naming: Naming): boolean {
  if (value === undefined || value === null) return true;
  if (naming === "property" && Array.isArray(value) && value.length === 0) return true;
  if (value === "") return shape.type !== "integer" && shape.type !== "boolean";
  return shape.type === "pairs" && isRecord(value) && Object.keys(value).length === 0;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function isText(value: unknown, charsMax: number): value is string {
  return typeof value === "string" && value.length <= charsMax;
}

function unknownKeys(fields: FieldTable, input: Readonly<Record<string, unknown>>, prefix: string): Problem[] {
  const known = columnsOf(fields);
  return Object.keys(input)
    .filter((key) => !known.has(key))
    .map((key) => {
      const nearest = nearestOf(key, [...known]);
      const hint = nearest === undefined ? `the fields are ${[...known].join(", ")}` : `did you mean ${nearest}?`;
      return { path: prefix + key.slice(0, 80), text: `is no field; ${hint}` };
    });
}

/** Once for a table: a bundle has up to 10,000 rows. */
function columnsOf(fields: FieldTable): ReadonlySet<string> {
  const known = columnSets.get(fields) ?? new Set(Object.keys(fields).map(columnOf));
  columnSets.set(fields, known);
  return known;
}

const columnSets = new WeakMap<FieldTable, ReadonlySet<string>>();

/** The candidate that takes the fewest edits, when that is few enough to be a slip. */
export function nearestOf(word: string, candidates: readonly string[]): string | undefined {
  const clipped = word.slice(0, 80).toLowerCase().replaceAll("-", "_");
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: editDistance(clipped, candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.max(2, Math.floor(best.candidate.length / 3))
    ? best.candidate
    : undefined;
}

/** Levenshtein, two rows. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

function readIp(value: unknown, path: string): Result<string, readonly Problem[]> | undefined {
  const ip = typeof value === "string" ? canonicalIp(value) : undefined;
  if (ip === undefined) return undefined;
  if (isUnspecifiedIp(ip))
    return err([
      { path, text: `must be an address that can be called (got ${quote(value)}, which means every address)` },
    ]);
  return ok(ip);
}

function readRegex(value: unknown, path: string): Result<string, readonly Problem[]> {
  if (!isText(value, limits.REGEX_CHARS_MAX)) {
    return err([{ path, text: `must be a regular expression of at most ${limits.REGEX_CHARS_MAX} characters` }]);
  }
  try {
    const size = RE2JS.compile(value).programSize();
    if (size <= limits.REGEX_PROGRAM_SIZE_MAX) return ok(value);
    const text = `must compile to at most ${limits.REGEX_PROGRAM_SIZE_MAX} instructions (got ${size} of ${quote(value)}); repeats such as {999} count that often`;
    return err([{ path, text }]);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return err([{ path, text: `must be a regular expression in RE2 syntax (got ${quote(value)}: ${words})` }]);
  }
}

function readHashOn(value: unknown): Result<string, never> | undefined {
  if (value === "source") return ok(value);
  if (typeof value !== "string" || value.length > limits.HEADER_NAME_CHARS_MAX) return undefined;
  const match = /^(header|cookie):(.+)$/.exec(value);
  const name = match?.[2] ?? "";
  if (!TOKEN.test(name)) return undefined;
  return ok(match?.[1] === "header" ? `header:${name.toLowerCase()}` : value);
}

function readRateLimitBy(value: unknown): Result<string, never> | undefined {
  if (value === "client" || value === "total") return ok(value);
  return typeof value === "string" && value.startsWith("header:") ? readHashOn(value) : undefined;
}

/** Each word once, in the order of the table, so that equal lists are equal text. */
function readWords(value: unknown, known: readonly string[]): Result<readonly string[], never> | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > limits.MATCHES_MAX) return undefined;
  if (!value.every((word) => known.includes(word))) return undefined;
  return ok(known.filter((word) => value.includes(word)));
}

function readIntegers(
  value: unknown,
  { min, max, countMax }: { readonly min: number; readonly max: number; readonly countMax: number },
): Result<readonly number[], never> | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > countMax) return undefined;
  const numbers = new Set<number>();
  for (const one of value) {
    if (!isInteger(one, min, max)) return undefined;
    numbers.add(one);
  }
  return ok([...numbers].sort((a, b) => a - b));
}

/** Header names are compared without case (seed F4.29), JSON `true` and numbers as their text. Keys come out sorted. */
function readPairs(
  input: Readonly<Record<string, unknown>>,
  path: string,
  of: "headers" | "query",
): Result<Readonly<Record<string, string>>, readonly Problem[]> {
  const problems: Problem[] = [];
  const pairs = new Map<string, string>();
  for (const [rawName, rawValue] of Object.entries(input)) {
    const name = of === "headers" ? rawName.toLowerCase() : rawName;
    const at = `${path}.${name.slice(0, 80)}`;
    const value = typeof rawValue === "boolean" || typeof rawValue === "number" ? String(rawValue) : rawValue;
    if (!isPairName(name, of))
      problems.push({
        path: at,
        text: `must have a ${of === "headers" ? "header" : "query"} name (got ${quote(rawName)})`,
      });
    else if (pairs.has(name)) problems.push({ path: at, text: "stands twice: header names are compared without case" });
    else if (!isText(value, limits.HEADER_VALUE_CHARS_MAX) || !HEADER_VALUE.test(value)) {
      problems.push({
        path: at,
        text: `must be text of at most ${limits.HEADER_VALUE_CHARS_MAX} characters without line breaks or outer blanks (got ${quote(rawValue)})`,
      });
    } else pairs.set(name, value);
  }
  const count = Object.keys(input).length;
  if (count > limits.MATCHES_MAX)
    problems.push({ path, text: `must have at most ${limits.MATCHES_MAX} entries (got ${count})` });
  return problems.length === 0 ? ok(sortedRecord(pairs)) : err(problems.slice(0, limits.MATCHES_MAX));
}

function sortedRecord(pairs: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.fromEntries([...pairs].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isPairName(name: string, of: "headers" | "query"): boolean {
  if (of === "query") return name !== "" && name.length <= limits.QUERY_NAME_CHARS_MAX;
  return name.length <= limits.HEADER_NAME_CHARS_MAX && TOKEN.test(name);
}

function readMethods(input: readonly unknown[], path: string): Result<readonly string[], readonly Problem[]> {
  const problems: Problem[] = [];
  const methods = new Set<string>();
  for (const [index, value] of input.entries()) {
    if (isText(value, limits.METHOD_BYTES_MAX) && TOKEN.test(value)) methods.add(value.toUpperCase());
    else problems.push({ path: `${path}[${index}]`, text: `must be an HTTP method (got ${quote(value)})` });
  }
  if (input.length > limits.MATCHES_MAX)
    return err([{ path, text: `must have at most ${limits.MATCHES_MAX} entries (got ${input.length})` }]);
  return problems.length === 0 ? ok([...methods].sort()) : err(problems);
}

function readRecords(
  input: readonly unknown[],
  path: string,
  of: { readonly fields: FieldTable; readonly countMax: number; readonly naming: Naming },
): Result<readonly unknown[], readonly Problem[]> {
  if (input.length > of.countMax)
    return err([{ path, text: `must have at most ${of.countMax} entries (got ${input.length})` }]);
  const problems: Problem[] = [];
  const records: unknown[] = [];
  for (const [index, entry] of input.entries()) {
    const at = `${path}[${index}]`;
    const read = isRecord(entry)
      ? readFields(of.fields, entry, `${at}.`, of.naming)
      : err([{ path: at, text: `must be an object (got ${quote(entry)})` }]);
    if (read.ok) records.push(read.value);
    else problems.push(...read.error);
  }
  return problems.length === 0 ? ok(records) : err(problems);
}
