import type { Kind } from "../../control-plane/catalog/catalog.ts";
import { columnOf, type FieldTable, type Shape } from "../../control-plane/catalog/field.ts";
import { fieldsByKind } from "../../control-plane/catalog/fields.ts";
import { describeKey, type RowKey } from "../../control-plane/catalog/row-key.ts";
import { Resource, type ResourceKey } from "../../shared/wire/admin-api.ts";
import type { Fields } from "./diff-documents.ts";

type Case = NonNullable<Resource["kind"]>["$case"];

const CASES: Readonly<Record<Kind, Case>> = {
  ServicePolicy: "servicePolicy",
  ServiceEndpoint: "serviceEndpoint",
  TrafficSplit: "trafficSplit",
  Route: "route",
};
const KIND_OF = Object.fromEntries(Object.entries(CASES).map(([kind, name]) => [name, kind])) as Record<Case, Kind>; // the map turned round

/** A resource as people write it: `kind`, then its columns in the order of the table; unset columns are left out. */
export function documentOf(resource: Resource): Fields {
  const set = resource.kind;
  if (set === undefined) return {};
  const kind = KIND_OF[set.$case];
  return { kind, ...columnsOf({ ...set.value }, fieldsByKind[kind]) };
}

/** The message of a document whose columns were checked before; columns that only the server writes are left out. */
export function resourceOf(kind: Kind, fields: Fields): Resource {
  const value = propertiesOf(fields, fieldsByKind[kind]);
  // The table has the message's own property names, and the values were checked against its shapes.
  return Resource.fromPartial({ kind: { $case: CASES[kind], value } });
}

/** The key of a row, as the admin API spells it. */
export function resourceKey(key: RowKey): ResourceKey {
  const empty = { serviceName: "", podIp: "", port: 0, sourceService: "", destinationService: "", name: "" };
  if (key.kind !== "TrafficSplit") return { ...empty, ...key };
  return { ...empty, ...key, sourceService: key.sourceService ?? "" };
}

/** The key as tables print it: `reviews/10.0.0.1:9080`, `web->reviews`. */
export function keyText(key: ResourceKey): string {
  return describeKey(rowKeyOf(key.kind as Kind, key)); // the control plane names no other kinds
}

/** The key of a document, or of anything else that carries the key's columns. */
export function documentKey(kind: Kind, fields: Fields): RowKey {
  const text = (column: string): string => String(fields[column] ?? "");
  return rowKeyOf(kind, {
    serviceName: text("service_name"),
    podIp: text("pod_ip"),
    port: Number(fields["port"] ?? 0),
    sourceService: text("source_service"),
    destinationService: text("destination_service"),
    name: text("name"),
  });
}

function rowKeyOf(kind: Kind, key: Omit<ResourceKey, "kind">): RowKey {
  switch (kind) {
    case "ServicePolicy":
      return { kind, serviceName: key.serviceName };
    case "ServiceEndpoint":
      return { kind, serviceName: key.serviceName, podIp: key.podIp, port: key.port };
    case "TrafficSplit":
      return { kind, sourceService: key.sourceService || null, destinationService: key.destinationService };
    case "Route":
      return { kind, name: key.name };
  }
}

function columnsOf(message: Readonly<Record<string, unknown>>, table: FieldTable): Fields {
  const columns = Object.entries(table).map(([property, field]) => [
    columnOf(property),
    plainValue(message[property], field.shape),
  ]);
  return Object.fromEntries(columns.filter(([, value]) => value !== undefined));
}

/** A value of a message as a document has it; proto3's empty values of plain fields mean "unset". */
function plainValue(value: unknown, shape: Shape): unknown {
  if (value === undefined || value === null || value === "") return undefined;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) {
    if (value.length === 0) return undefined;
    const { type } = shape;
    return type === "records" ? value.map((item: Fields) => columnsOf(item, shape.fields)) : value;
  }
  if (typeof value !== "object") return value;
  if (shape.type === "record") return columnsOf({ ...value }, shape.fields);
  return Object.keys(value).length === 0 ? undefined : value;
}

function propertiesOf(fields: Fields, table: FieldTable): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  for (const [property, { role, shape }] of Object.entries(table)) {
    const value = fields[columnOf(property)];
    if (role === "server" || value === undefined || value === null) continue;
    if (shape.type === "record") properties[property] = propertiesOf({ ...value }, shape.fields);
    else if (shape.type === "records" && Array.isArray(value)) {
      properties[property] = value.map((item: Fields) => propertiesOf(item, shape.fields));
    } else properties[property] = value;
  }
  return properties;
}
