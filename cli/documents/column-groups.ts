import type { Kind } from "../../control-plane/catalog/catalog.ts";
import { columnOf, type Field } from "../../control-plane/catalog/field.ts";
import { fieldsByKind } from "../../control-plane/catalog/fields.ts";
import { servicePolicyGroups } from "../../control-plane/catalog/service-policy-fields.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A column that an operator sets, by its property name. */
export type Setting = readonly [string, Field];

/** The columns an operator sets, under the headings of help: neither those of the key nor those the server writes. */
export function settingGroups(kind: Kind): readonly (readonly [string, readonly Setting[]])[] {
  const tables = kind === "ServicePolicy" ? servicePolicyGroups : { Columns: fieldsByKind[kind] };
  const inKey = kind === "TrafficSplit" ? "sourceService" : "";
  const isSetting = ([property, { role }]: Setting): boolean => role === "setting" && property !== inKey;
  return Object.entries(tables).map(([heading, fields]) => [heading, Object.entries(fields).filter(isSetting)]);
}

export function settings(kind: Kind): readonly Setting[] {
  return settingGroups(kind).flatMap(([, group]) => group);
}

/**
 * What people read of a row: a ServicePolicy has some sixty settings, of which only those are told that are not at
 * their default. Other kinds are told whole.
 */
export function toldColumns(kind: string, fields: Fields): Fields {
  if (kind !== "ServicePolicy") return fields;
  const atDefault = new Set(
    settings(kind)
      .filter((setting) => isAtDefault(setting, fields))
      .map(([name]) => columnOf(name)),
  );
  return Object.fromEntries(Object.entries(fields).filter(([column]) => !atDefault.has(column)));
}

/** The headings under which a policy sets something, but for the columns in `besides`. */
export function touchedGroups(policy: Fields, besides: readonly string[]): readonly string[] {
  return settingGroups("ServicePolicy")
    .filter(([, group]) =>
      group.some((setting) => !besides.includes(columnOf(setting[0])) && !isAtDefault(setting, policy)),
    )
    .map(([heading]) => heading.toLowerCase());
}

function isAtDefault([property, { fallback }]: Setting, fields: Fields): boolean {
  return JSON.stringify(fields[columnOf(property)] ?? null) === JSON.stringify(fallback);
}
