import { parseAddress } from "../../shared/address.ts";
import { err, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { ProxyNode } from "../../shared/model/node.ts";
import type { Catalog, ServiceEndpoint } from "../catalog/catalog.ts";
import { rowFromDocument } from "../catalog/document.ts";
import { keyOf, type RowKey } from "../catalog/row-key.ts";
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
 * us: `isOurs`) stays out when its proxy comes back.
 */
export function registrationChange(
  catalog: Catalog,
  wishes: ReadonlyMap<string, Wish>,
  isOurs: (nodeId: string) => boolean,
): Change {
  const rows = registeredRows(catalog);
  const puts: ServiceEndpoint[] = [];
  const deletions: RowKey[] = [];
  for (const [nodeId, wish] of wishes) {
    const mine = rows.get(nodeId) ?? [];
    if (wish.kind === "gone") deletions.push(...mine.map(keyOf));
    else if (wish.kind === "unhealthy") {
      puts.push(...mine.filter((row) => row.healthy).map((row) => ({ ...row, healthy: false })));
    } else {
      const before = (catalog.endpoints.get(wish.row.serviceName) ?? []).find((row) => isSameAddress(row, wish.row));
      const keepsOut = before?.healthy === false && !isOurs(nodeId);
      puts.push({ ...wish.row, weight: before?.weight ?? wish.row.weight, healthy: !keepsOut });
      // The node listens elsewhere now; what it registered before is of the past.
      deletions.push(...mine.filter((row) => !isSameKey(row, wish.row)).map(keyOf));
    }
  }
  return { puts, deletions };
}

function isSameAddress(a: ServiceEndpoint, b: ServiceEndpoint): boolean {
  return a.podIp === b.podIp && a.port === b.port;
}

function isSameKey(a: ServiceEndpoint, b: ServiceEndpoint): boolean {
  return a.serviceName === b.serviceName && isSameAddress(a, b);
}
