import { KINDS, type Catalog, type Kind } from "../catalog/catalog.ts";
import { readRow } from "../catalog/read-row.ts";
import { describeKey, keyOf, type RowKey } from "../catalog/row-key.ts";
import { findRow } from "../catalog/rows.ts";
import type { PlacedRow } from "../catalog/validate.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { ApplyBundleRequest, Resource, ResourceKey } from "../../shared/wire/admin-api.ts";
import { carriedOver } from "./carried-over.ts";
import type { Wish } from "./mutation.ts";
import { readKey, type caseOfKind } from "./row-wire.ts";

/** All resources and deletions of a bundle, or the violations of all of them, each with its place in the request. */
export function readBundle(catalog: Catalog, request: ApplyBundleRequest): Result<Wish, readonly Violation[]> {
  const violations: Violation[] = [];
  const places = new Map<string, string>();
  const once = (key: RowKey, path: string): void => {
    const name = `${key.kind} ${describeKey(key)}`;
    const first = places.get(name);
    if (first === undefined) places.set(name, path);
    else violations.push(violation(path, `${name} stands twice in the bundle, first at ${first}`));
  };

  const puts: PlacedRow[] = [];
  for (const [index, resource] of request.resources.entries()) {
    const path = `resources[${index}]`;
    const read = readResource(resource, path);
    if (!read.ok) violations.push(...read.error);
    else {
      once(keyOf(read.value.row), path);
      puts.push({ row: carriedOver(catalog, read.value.row), path });
    }
  }
  const deletions: RowKey[] = [];
  for (const [index, message] of request.deletions.entries()) {
    const path = `deletions[${index}]`;
    const read = readDeletion(catalog, message, path);
    if (!read.ok) violations.push(read.error);
    else {
      once(read.value, path);
      deletions.push(read.value);
    }
  }
  return violations.length === 0 ? ok({ puts, deletions }) : err(violations);
}

function readResource({ kind: choice }: Resource, path: string): Result<PlacedRow, readonly Violation[]> {
  if (choice === undefined)
    return err([violation(path, `${path} has no resource of a known kind: ${KINDS.join(", ")}`)]);
  const read = readRow(kindOfCase[choice.$case], { ...choice.value }, "property");
  if (read.ok) return ok({ row: read.value, path });
  return err(read.error.map((v) => violation(`${path}.${v.path}`, v.message)));
}

const kindOfCase: Readonly<Record<(typeof caseOfKind)[Kind], Kind>> = {
  servicePolicy: "ServicePolicy",
  serviceEndpoint: "ServiceEndpoint",
  trafficSplit: "TrafficSplit",
  route: "Route",
};

function readDeletion(catalog: Catalog, message: ResourceKey, path: string): Result<RowKey, Violation> {
  const kind = KINDS.find((known) => known === message.kind);
  if (kind === undefined)
    return err(
      violation(
        `${path}.kind`,
        `${path}.kind must be one of ${KINDS.join(", ")} (got ${JSON.stringify(message.kind.slice(0, 64))})`,
      ),
    );
  const key = readKey(kind, message);
  if (key === undefined) return err(violation(path, `the key of a ${kind} is incomplete`));
  if (findRow(catalog, key) === undefined) return err(violation(path, `${kind} ${describeKey(key)} does not exist`));
  return ok(key);
}
