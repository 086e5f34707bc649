import { violation, type Violation } from "../violation.ts";

/**
 * Which fields of one message Heddle understands. Whatever is set and stands in no list is refused: a field that is
 * overlooked in silence (an authorization rule, a TLS context) would be a hole, a field that is refused is a NACK that
 * names it.
 */
export interface FieldRules {
  /** Read by the code that uses these rules. */
  readonly read: readonly string[];
  /** Carry no meaning for how requests are routed: statistics, logs, tuning, protections Heddle has its own form of. */
  readonly ignored: readonly string[];
  /** Fields outside our proto subset, by number: what happens to those that `exceptions` does not name. */
  readonly outside: "refuse" | "ignore";
  /** Numbers outside our subset that are treated the other way. */
  readonly exceptions?: readonly number[];
}

type Message = object & { readonly _unknownFields?: { readonly [tag: number]: readonly Uint8Array[] } | undefined };

/** Adds a violation for each field of `message` that is set and that `rules` do not allow. */
export function refuseUnsupported(message: Message, rules: FieldRules, path: string, found: Violation[]): void {
  for (const [key, value] of Object.entries(message)) {
    if (key === "_unknownFields" || isUnset(value) || rules.read.includes(key) || rules.ignored.includes(key)) continue;
    found.push(violation(join(path, fieldName(key, value)), "is not supported by Heddle"));
  }
  for (const tag of Object.keys(message._unknownFields ?? {})) {
    // ts-proto keys unknown fields by tag: the field's number and, in the low three bits, its wire type.
    const number = Number(tag) >>> 3;
    const isException = rules.exceptions?.includes(number) ?? false;
    if ((rules.outside === "refuse") === isException) continue;
    found.push(violation(join(path, `field ${number}`), "is not known to Heddle"));
  }
}

export function join(path: string, field: string): string {
  return path === "" ? field : `${path}.${field}`;
}

/** The name as the proto file spells it; a oneof goes by the branch that is set. */
function fieldName(key: string, value: unknown): string {
  const branch = isOneof(value) ? value.$case : key;
  return branch.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function isOneof(value: unknown): value is { readonly $case: string } {
  return typeof value === "object" && value !== null && "$case" in value && typeof value.$case === "string";
}

/** Whether a decoded value says no more than its absence would. A message without content is content: `grpc: {}`. */
function isUnset(value: unknown): boolean {
  if (value === undefined || value === "" || value === 0 || value === 0n || value === false) return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  // A map has no keys of its own; a decoded message always has some, at least `_unknownFields`.
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
