import { unreachable } from "../../shared/assert.ts";
import type { Change, RowChange } from "../store/store.ts";
import type { Catalog, Row } from "./catalog.ts";
import { asksForFault, faultUntil } from "./fault-end.ts";
import { fieldsByKind } from "./fields.ts";
import { describeKey, keyOf, type RowKey } from "./row-key.ts";
import { compareEndpoints, compareRoutes, compareSplits, findRow, sortKey } from "./rows.ts";
import type { ServicePolicy } from "./service-policy.ts";

/**
 * What a change does to a catalog, row by row; puts and deletions without effect are left out. The server's columns are
 * settled here: `id` stays with the row (0 for a new one: the store numbers it), `updatedAt` becomes `now`, and a fault
 * gets its end. So a policy with a fault that is put again as it stands is a change: its fault begins anew.
 */
export function planChange(catalog: Catalog, change: Change, now: string): readonly RowChange[] {
  const planned: RowChange[] = [];
  for (const [key, put] of decided(change)) {
    const before = findRow(catalog, key);
    if (put === undefined) {
      if (before !== undefined) planned.push({ key, before, after: undefined });
    } else {
      const after = stamped(put, before, now);
      if (before === undefined || !isSameContent(before, after) || faultEnd(before) !== faultEnd(after)) {
        planned.push({ key, before, after });
      }
    }
  }
  return planned;
}

/**
 * What becomes of each key: the row to put, or undefined. A key that stands twice is no error here, for one commit may
 * carry the wishes of several proxies (one leaves an address, another takes it): a put wins, the last one of several.
 */
function decided({ puts, deletions }: Change): Iterable<readonly [RowKey, Row | undefined]> {
  const wishes = new Map<string, readonly [RowKey, Row | undefined]>();
  for (const row of puts) wishes.set(nameOf(keyOf(row)), [keyOf(row), row]);
  for (const key of deletions) if (!wishes.has(nameOf(key))) wishes.set(nameOf(key), [key, undefined]);
  return wishes.values();
}

function nameOf(key: RowKey): string {
  return `${key.kind} ${describeKey(key)}`;
}

function faultEnd(row: Row): string | null {
  return row.kind === "ServicePolicy" ? row.faultUntil : null;
}

/** What the control plane settles, whatever is put. */
const SETTLED = new Set(["id", "updatedAt", "faultUntil"]);

/**
 * Equal in all that is declared. Column by column, for a bundle compares up to 10,000 rows while nobody else is served;
 * lists and objects are in normal form, so that equal ones are equal text.
 */
export function isSameContent(a: Row, b: Row): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  const left: Readonly<Record<string, unknown>> = { ...a };
  const right: Readonly<Record<string, unknown>> = { ...b };
  return Object.keys(fieldsByKind[a.kind]).every(
    (property) => SETTLED.has(property) || isSameValue(left[property], right[property]),
  );
}

function isSameValue(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}

function stamped(put: Row, before: Row | undefined, now: string): Row {
  switch (put.kind) {
    case "ServiceEndpoint":
      return put;
    case "TrafficSplit":
      return { ...put, id: before?.kind === "TrafficSplit" ? before.id : 0, updatedAt: now };
    case "ServicePolicy":
      return stampedPolicy(put, before?.kind === "ServicePolicy" ? before : undefined, now);
    case "Route":
      return { ...put, updatedAt: now };
    default:
      return unreachable(put);
  }
}

function stampedPolicy(put: ServicePolicy, before: ServicePolicy | undefined, now: string): ServicePolicy {
  if (!asksForFault(put)) return { ...put, faultUntil: null, updatedAt: now };
  const isRepeated = before !== undefined && isSameContent(before, put);
  return { ...put, faultUntil: faultUntil(put, before, now, isRepeated), updatedAt: now };
}

/**
 * The catalog after some changes, as `revision`. Every part that no change touches is the same object as before, down to
 * the list of one service, so that readers see by identity what changed.
 */
export function applyChanges(catalog: Catalog, changes: readonly RowChange[], revision: number): Catalog {
  return {
    revision,
    policies: withPolicies(catalog.policies, changes),
    endpoints: withLists(
      catalog.endpoints,
      pick(changes, "ServiceEndpoint"),
      (row) => row.serviceName,
      compareEndpoints,
    ),
    splits: withLists(catalog.splits, pick(changes, "TrafficSplit"), (row) => row.destinationService, compareSplits),
    routes: withLists(catalog.routes, pick(changes, "Route"), (row) => row.destinationService, compareRoutes),
  };
}

/** The changes that lead back: from the catalog after `changes` to the one before. */
export function reversed(changes: readonly RowChange[]): readonly RowChange[] {
  return changes.map(({ key, before, after }) => ({ key, before: after, after: before }));
}

type RowOf<K extends Row["kind"]> = Extract<Row, { kind: K }>;

interface Edit<R> {
  readonly before: R | undefined;
  readonly after: R | undefined;
}

function pick<K extends Row["kind"]>(changes: readonly RowChange[], kind: K): readonly Edit<RowOf<K>>[] {
  const isOfKind = (row: Row | undefined): row is RowOf<K> => row?.kind === kind;
  return changes
    .filter((change) => change.key.kind === kind)
    .map(({ before, after }) => ({
      before: isOfKind(before) ? before : undefined,
      after: isOfKind(after) ? after : undefined,
    }));
}

function withPolicies(policies: Catalog["policies"], changes: readonly RowChange[]): Catalog["policies"] {
  const edits = pick(changes, "ServicePolicy");
  if (edits.length === 0) return policies;
  const next = new Map(policies);
  for (const { before, after } of edits) {
    if (after !== undefined) next.set(after.serviceName, after);
    else if (before !== undefined) next.delete(before.serviceName);
  }
  return next;
}

/** Edits lists that hang at a service. An edit may move a row from one service to another (a Route's destination). */
function withLists<R extends Row>(
  lists: ReadonlyMap<string, readonly R[]>,
  edits: readonly Edit<R>[],
  serviceOf: (row: R) => string,
  compare: (a: R, b: R) => number,
): ReadonlyMap<string, readonly R[]> {
  if (edits.length === 0) return lists;
  // By key and not by identity: rows of the ledger are other objects than those of the catalog.
  const befores = edits.map((edit) => edit.before).filter((row) => row !== undefined);
  const removed = new Set(befores.map(sortKey));
  const added = Map.groupBy(
    edits.map((edit) => edit.after).filter((row) => row !== undefined),
    serviceOf,
  );
  const touched = new Set([...befores.map(serviceOf), ...added.keys()]);
  const next = new Map(lists);
  for (const service of touched) {
    const kept = (lists.get(service) ?? []).filter((row) => !removed.has(sortKey(row)));
    const list = [...kept, ...(added.get(service) ?? [])].sort(compare);
    if (list.length === 0) next.delete(service);
    else next.set(service, list);
  }
  return next;
}
