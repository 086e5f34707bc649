import { violation, type Violation } from "../../shared/violation.ts";
import type { Catalog, Row } from "./catalog.ts";
import { describeKey, keyOf } from "./row-key.ts";

/** A row of a change, and where it stood in the request: `resources[2]`, or "" for a request of one row. */
export interface PlacedRow {
  readonly row: Row;
  readonly path: string;
}

/**
 * What a change says about things outside its rows, checked against the catalog as it will be: services that are called
 * must exist, and two services must differ in more than case. Rows that stay as they are were checked before.
 */
export function validateReferences(before: Catalog, after: Catalog, puts: readonly PlacedRow[]): readonly Violation[] {
  return puts.flatMap(({ row, path }) => {
    const at = (column: string): string => (path === "" ? column : `${path}.${column}`);
    return [...unknownServices(before, after, row), ...lookAlikes(before, after, row)].map(({ column, text }) =>
      violation(at(column), `${labelOf(row)}: ${text}`),
    );
  });
}

interface ColumnProblem {
  readonly column: string;
  readonly text: string;
}

/** A service is known by an endpoint or by a policy. */
export function isKnownService(catalog: Catalog, service: string): boolean {
  return catalog.endpoints.has(service) || catalog.policies.has(service);
}

/** A split or a rule that sends calls to a service nobody knows would be an outage that looks like a success. */
function unknownServices(before: Catalog, after: Catalog, row: Row): readonly ColumnProblem[] {
  return calledServices(row)
    .filter(({ service }) => !isKnownService(after, service))
    .map(({ column, service }) => ({ column, text: describeUnknown(before, column, service) }));
}

function describeUnknown(catalog: Catalog, column: string, service: string): string {
  const alike = [...catalog.endpoints.keys(), ...catalog.policies.keys()].find(
    (known) => known.toLowerCase() === service.toLowerCase(),
  );
  const hint = alike === undefined ? "" : ` Did you mean ${alike}?`;
  return (
    `${column} names the service "${service}", which has no endpoints and no policy.${hint} ` +
    `Add one first: heddle endpoint set ${service} --pod-ip IP --port PORT, or start its proxy: heddle run --service ${service} -- COMMAND`
  );
}

/** Where calls go by this row: nowhere for a redirect or a direct response, whose destination_service is just a host. */
function calledServices(row: Row): readonly { readonly column: string; readonly service: string }[] {
  if (row.kind === "TrafficSplit") return [{ column: "destination_service", service: row.destinationService }];
  if (row.kind !== "Route") return [];
  if (row.destinations.length > 0) {
    return row.destinations.map(({ service }, index) => ({ column: `destinations[${index}].service`, service }));
  }
  if (row.redirect !== null || row.directResponse !== null) return [];
  return [{ column: "destination_service", service: row.destinationService }];
}

/** Hosts are compared without case (RFC 9110, 4.2.3), so two such services could not be told apart by a caller. */
function lookAlikes(before: Catalog, after: Catalog, row: Row): readonly ColumnProblem[] {
  if (row.kind !== "ServicePolicy" && row.kind !== "ServiceEndpoint") return [];
  const { serviceName } = row;
  if (isKnownService(before, serviceName)) return [];
  const lowerCase = serviceName.toLowerCase();
  for (const known of [after.endpoints, after.policies]) {
    for (const other of known.keys()) {
      if (other === serviceName || other.length !== serviceName.length || other.toLowerCase() !== lowerCase) continue;
      return [
        {
          column: "service_name",
          text: `service_name differs from the service "${other}" only in case, and hosts are compared without case`,
        },
      ];
    }
  }
  return [];
}

/** The row as messages name it: a split without a source goes by its destination. */
export function labelOf(row: Row): string {
  if (row.kind === "TrafficSplit" && row.sourceService === null) return `TrafficSplit ${row.destinationService}`;
  return `${row.kind} ${describeKey(keyOf(row))}`;
}
