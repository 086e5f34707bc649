import { violation, type Violation } from "../../shared/violation.ts";
import type { Catalog, Row } from "./catalog.ts";
import type { ServicePolicy } from "./service-policy.ts";
import { parseCluster } from "./cluster-ref.ts";
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
  let named: ServicesByLowerCase | undefined;
  // Only new names and wrong ones need it: most changes touch services that are known.
  const services = (): ServicesByLowerCase => (named ??= byLowerCase(after));
  return puts.flatMap(({ row, path }) => {
    const at = (column: string): string => (path === "" ? column : `${path}.${column}`);
    return [...unknownServices(after, row, services), ...lookAlikes(before, row, services)].map(({ column, text }) =>
      violation(at(column), `${labelOf(row)}: ${text}`),
    );
  });
}

type ServicesByLowerCase = ReadonlyMap<string, ReadonlySet<string>>;

function byLowerCase(catalog: Catalog): ServicesByLowerCase {
  const services = new Map<string, Set<string>>();
  for (const service of [...catalog.endpoints.keys(), ...catalog.policies.keys()]) {
    const lowerCase = service.toLowerCase();
    const known = services.get(lowerCase);
    if (known === undefined) services.set(lowerCase, new Set([service]));
    else known.add(service);
  }
  return services;
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
function unknownServices(after: Catalog, row: Row, services: () => ServicesByLowerCase): readonly ColumnProblem[] {
  return calledServices(row)
    .filter(({ service }) => !isKnownService(after, service))
    .map(({ column, service }) => ({ column, text: describeUnknown(services(), column, service) }));
}

function describeUnknown(services: ServicesByLowerCase, column: string, service: string): string {
  const [alike] = services.get(service.toLowerCase()) ?? [];
  const hint = alike === undefined ? "" : ` Did you mean ${alike}?`;
  return (
    `${column} names the service "${service}", which has no endpoints and no policy.${hint} ` +
    `Add one first: heddle endpoint set ${service}/IP:PORT, or start its proxy: heddle run --service ${service} -- COMMAND`
  );
}

/** Where calls go by this row: nowhere for a redirect or a direct response, whose destination_service is just a host. */
function calledServices(row: Row): readonly { readonly column: string; readonly service: string }[] {
  if (row.kind === "TrafficSplit") return [{ column: "destination_service", service: row.destinationService }];
  if (row.kind === "ServicePolicy") return policyCalls(row);
  if (row.kind !== "Route") return [];
  if (row.destinations.length > 0) {
    return row.destinations.map(({ service }, index) => ({ column: `destinations[${index}].service`, service }));
  }
  if (row.redirect !== null || row.directResponse !== null) return [];
  return [{ column: "destination_service", service: row.destinationService }];
}

/** Where calls go besides the service itself. A row makes its own service known. */
function policyCalls({ mirrorTo, fallbackService }: ServicePolicy): readonly { column: string; service: string }[] {
  return [
    ...(mirrorTo === null ? [] : [{ column: "mirror_to", service: parseCluster(mirrorTo).service }]),
    ...(fallbackService === null ? [] : [{ column: "fallback_service", service: fallbackService }]),
  ];
}

/** Hosts are compared without case (RFC 9110, 4.2.3), so two such services could not be told apart by a caller. */
function lookAlikes(before: Catalog, row: Row, services: () => ServicesByLowerCase): readonly ColumnProblem[] {
  if (row.kind !== "ServicePolicy" && row.kind !== "ServiceEndpoint") return [];
  const { serviceName } = row;
  if (isKnownService(before, serviceName)) return [];
  const alike = [...(services().get(serviceName.toLowerCase()) ?? [])].find((other) => other !== serviceName);
  if (alike === undefined) return [];
  const text = `service_name differs from the service "${alike}" only in case, and hosts are compared without case`;
  return [{ column: "service_name", text }];
}

/** The row as messages name it: a split without a source goes by its destination. */
export function labelOf(row: Row): string {
  if (row.kind === "TrafficSplit" && row.sourceService === null) return `TrafficSplit ${row.destinationService}`;
  return `${row.kind} ${describeKey(keyOf(row))}`;
}
