import type { RowChange } from "../store/store.ts";
import type { Catalog, Row } from "./catalog.ts";
import { policyWarnings } from "./policy-warnings.ts";
import { servesShare, sharesOf, usableEndpoints, type Share } from "./shares.ts";
import { isKnownService, labelOf } from "./validate.ts";

/**
 * What will not work yet of what a change asks for, in sentences that end with the command that mends it. None is a
 * reason to refuse: people write the rule first and start the service after, and the rule is right by itself.
 *
 * - A split or a route that gives a share to a version of which no endpoint is usable: those calls get 503.
 * - A split or a route for the calls of a service that nobody knows: it waits for that service, or its name is a slip.
 * - What of a policy will surprise.
 *
 * `hasProxy` tells of callers that have a proxy and no row. Rows that stay as they are say nothing again.
 */
export function warnChange(
  after: Catalog,
  changes: readonly RowChange[],
  hasProxy: (service: string) => boolean,
): readonly string[] {
  return changes.flatMap(({ after: row }) =>
    row === undefined
      ? []
      : [...unservedShares(after, row), ...unknownSource(after, row, hasProxy), ...surprises(after, row, hasProxy)],
  );
}

function unservedShares(after: Catalog, row: Row): readonly string[] {
  const unserved = sharesOf(row).filter(
    ({ service, version }) => !usableEndpoints(after, service).some((endpoint) => servesShare(endpoint, version)),
  );
  return unserved.map(describeUnserved);
}

function describeUnserved({ by, weight, version, service }: Share): string {
  return (
    `${by} gives weight ${weight} to version ${version.name} of ${service}, which has no usable endpoint: ` +
    `those calls get 503 until one is started: heddle run --service ${service} --version ${version.name} -- COMMAND`
  );
}

function unknownSource(after: Catalog, row: Row, hasProxy: (service: string) => boolean): readonly string[] {
  if (row.kind !== "TrafficSplit" && row.kind !== "Route") return [];
  const { sourceService: source } = row;
  if (source === null || isKnownService(after, source) || hasProxy(source)) return [];
  return [
    `${labelOf(row)} is for calls from ${source}, which has no proxy, no endpoint and no policy: ` +
      `it waits until one is started: heddle run --service ${source} -- COMMAND`,
  ];
}

function surprises(after: Catalog, row: Row, hasProxy: (service: string) => boolean): readonly string[] {
  if (row.kind !== "ServicePolicy") return [];
  const isThere = (service: string): boolean => isKnownService(after, service) || hasProxy(service);
  return policyWarnings(after, row, isThere).map(
    ({ text, mend }) => `${labelOf(row)}: ${text}${mend === undefined ? "" : `: ${mend}`}`,
  );
}
