import protobuf from "protobufjs";

import { protoTree } from "./proto-tree.ts";

/**
 * Protobuf JSON (with proto field names) and plain content of protobufjs brought to one form, so that they compare
 * equal when they say the same: durations in seconds, wrappers as values, fields outside our subset and proto3
 * defaults left out, `google.protobuf.Any` opened.
 */
export function normalize(fullName: string, value: unknown): unknown {
  const special = specials.get(fullName);
  if (special !== undefined) return special(value);
  const type = protoTree.lookupType(fullName);
  const out: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const given = asRecord(value)[field.name];
    if (given === undefined || given === null) continue;
    const normal = normalizeField(field, given);
    if (!isDefault(field, normal)) out[field.name] = normal;
  }
  return out;
}

function normalizeField(field: protobuf.Field, given: unknown): unknown {
  if (field instanceof protobuf.MapField) {
    return Object.fromEntries(Object.entries(asRecord(given)).map(([key, value]) => [key, single(field, value)]));
  }
  return field.repeated ? (given as unknown[]).map((value) => single(field, value)) : single(field, given);
}

function single(field: protobuf.Field, value: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type) return normalize(field.resolvedType.fullName.slice(1), value);
  // JSON may write 64-bit numbers either way.
  return /^u?int64$/.test(field.type) ? String(value) : value;
}

/** Fields with presence (messages, members of a oneof) are kept whatever they hold. */
function isDefault(field: protobuf.Field, value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (field instanceof protobuf.MapField) return Object.keys(asRecord(value)).length === 0;
  if (field.resolvedType instanceof protobuf.Type || field.partOf !== null) return false;
  if (field.resolvedType instanceof protobuf.Enum) return field.resolvedType.values[String(value)] === 0;
  return value === "" || value === 0 || value === "0" || value === false;
}

type Special = (value: unknown) => unknown;

const specials: ReadonlyMap<string, Special> = new Map<string, Special>([
  ["google.protobuf.Duration", (value) => (typeof value === "string" ? Number.parseFloat(value) : seconds(value))],
  ["google.protobuf.Timestamp", (value) => (typeof value === "string" ? Date.parse(value) / 1_000 : seconds(value))],
  ["google.protobuf.Struct", (value) => struct(asRecord(value))],
  ["google.protobuf.Any", any],
  ...["Bool", "UInt32", "UInt64", "Int64", "Double", "String"].map((name): [string, Special] => [
    `google.protobuf.${name}Value`,
    (value) => {
      const inner = typeof value === "object" ? (asRecord(value)["value"] ?? (name === "Bool" ? false : 0)) : value;
      return name.endsWith("64") ? String(inner) : inner;
    },
  ]),
]);

function seconds(value: unknown): number {
  const { seconds: whole = "0", nanos = 0 } = asRecord(value);
  return Number(whole) + Number(nanos) / 1e9;
}

/** JSON holds the message beside "@type", protobufjs its bytes. */
function any(value: unknown): unknown {
  const { "@type": url, type_url: typeUrl, value: bytes, ...fields } = asRecord(value);
  const name = String(url ?? typeUrl).replace("type.googleapis.com/", "");
  const type = protoTree.lookupType(name);
  if (url !== undefined) return { "@type": name, ...asRecord(normalize(name, fields)) };
  const decoded = type.decode(Buffer.from(typeof bytes === "string" ? bytes : "", "base64"));
  const plain = type.toObject(decoded, { enums: String, longs: String, bytes: String });
  return { "@type": name, ...asRecord(normalize(name, plain)) };
}

/** protobufjs knows a struct as nested `fields`; JSON has it as it is. */
function struct(value: Record<string, unknown>): unknown {
  const isRaw = Object.keys(value).every((key) => key === "fields");
  if (!isRaw) return value;
  return Object.fromEntries(
    Object.entries(asRecord(value["fields"] ?? {})).map(([key, entry]) => [key, structValue(asRecord(entry))]),
  );
}

function structValue(value: Record<string, unknown>): unknown {
  if ("listValue" in value) {
    return ((asRecord(value["listValue"])["values"] ?? []) as unknown[]).map((entry) => structValue(asRecord(entry)));
  }
  if ("structValue" in value) return struct(asRecord(value["structValue"]));
  if ("nullValue" in value) return null;
  return value["numberValue"] ?? value["stringValue"] ?? value["boolValue"];
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw new TypeError(`${String(value)} is no object`);
  return value as Record<string, unknown>;
}
