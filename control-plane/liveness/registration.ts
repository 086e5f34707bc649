import { parseAddress } from "../../shared/address.ts";
import { err, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { ProxyNode } from "../../shared/model/node.ts";
import type { Catalog, ServiceEndpoint } from "../catalog/catalog.ts";
import { rowFromDocument } from "../catalog/document.ts";
import { describeKey, keyOf, type RowKey } from "../catalog/row-key.ts";
import type { Change } from "../store/store.ts";

/** What shall become of the row of one node. */
export type Wish =
  /** The node is there: list it. `row` is what it said of itself. */
  | { readonly kind: "present"; readonly row: ServiceEndpoint }
  /** Its lease ended, or it drains: no new requests. */
  | { readonly kind: "unhealthy" }
  /** It said goodbye. */
  | { readonly kind: "gone" };

/** The row by which a node asks to be listed; undefined when it serves no inbound traffic. */
export function rowOfNode(node: ProxyNode): Result<ServiceEndpoint, readonly Violation[]> | undefined {
  if (node.inbound === undefined) return undefined;
  const address = parseAddress(node.inbound, "");
  if (!address.ok) return err([violation("heddle.inbound", address.error)]);
  const read = rowFromDocument({
    kind: "ServiceEndpoint",
    service_name: node.service,
    pod_ip: address.value.host,
    port: address.value.port,
    ...(node.version === "" ? {} : { version: node.version }),
  });
  if (!read.ok) return read;
  if (read.value.kind !== "ServiceEndpoint") return err([violation("kind", "is not ServiceEndpoint")]);
  return { ok: true, value: { ...read.value, registeredBy: node.id } };
}

/** By node id: the rows that it registered. */
export function registeredRows(catalog: Catalog): ReadonlyMap<string, readonly ServiceEndpoint[]> {
  const rows = new Map<string, ServiceEndpoint[]>();
  for (const row of [...catalog.endpoints.values()].flat()) {
    if (row.registeredBy !== null) rows.set(row.registeredBy, [...(rows.get(row.registeredBy) ?? []), row]);
  }
  return rows;
}

/**
 * What the wishes of some nodes change in the catalog. A row that is as it should be is not touched.
 *
 * An operator's word stands: weight is kept, and an endpoint that someone took out by hand (`healthy = false`, and not by
 * us: `isOurs`, asked of the node that the row belongs to) stays out when its proxy comes back.
 *
 * An address may change hands within one batch. Then it is the newcomer's: what becomes of the node before it does not
 * touch the row any more. So every key is named at most once.
 */
export function registrationChange(
  catalog: Catalog,
  wishes: ReadonlyMap<string, Wish>,
  isOurs: (nodeId: string) => boolean,
): Change {
  const rows = registeredRows(catalog);
  const listed = new Map<string, ServiceEndpoint>();
  for (const wish of wishes.values()) {
    if (wish.kind === "present") listed.set(nameOf(wish.row), listedRow(catalog, wish.row, isOurs));
  }
  const puts = [...listed.values()];
  const deletions: RowKey[] = [];
  for (const [nodeId, { kind }] of wishes) {
    const left = (rows.get(nodeId) ?? []).filter((row) => !listed.has(nameOf(row)));
    if (kind === "unhealthy") {
      puts.push(...left.filter((row) => row.healthy).map((row) => ({ ...row, healthy: false })));
    } else {
      // It is gone, or it listens elsewhere now and what it registered before is of the past.
      deletions.push(...left.map(keyOf));
    }
  }
  return { puts, deletions };
}

/** The row that a node asks for, as it shall stand. */
function listedRow(catalog: Catalog, row: ServiceEndpoint, isOurs: (nodeId: string) => boolean): ServiceEndpoint {
  const name = nameOf(row);
  const before = (catalog.endpoints.get(row.serviceName) ?? []).find((one) => nameOf(one) === name);
  if (before === undefined) return row;
  const isOut = !before.healthy && (before.registeredBy === null || !isOurs(before.registeredBy));
  // What the same node reported before its stream broke holds until it reports again.
  const health = before.registeredBy === row.registeredBy ? before.health : row.health;
  return { ...row, weight: before.weight, healthy: !isOut, health };
}

function nameOf(row: ServiceEndpoint): string {
  return describeKey(keyOf(row));
}
