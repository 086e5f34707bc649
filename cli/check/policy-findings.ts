import { applyChanges } from "../../control-plane/catalog/apply-changes.ts";
import { emptyCatalog, type Catalog } from "../../control-plane/catalog/catalog.ts";
import { policyWarnings } from "../../control-plane/catalog/policy-warnings.ts";
import { keyOf } from "../../control-plane/catalog/row-key.ts";
import type { ServicePolicy } from "../../control-plane/catalog/service-policy.ts";
import { isKnownService } from "../../control-plane/catalog/validate.ts";
import type { CatalogRows } from "./catalog-rows.ts";
import { warning, type Finding } from "./finding.ts";

/**
 * Policies that do not fit each other, or defeat what they are for, by the rules that also warn whoever writes them. What
 * nothing mends is not repeated here.
 */
export function policyFindings(rows: CatalogRows, hasProxy: (service: string) => boolean): readonly Finding[] {
  const catalog = catalogOf(rows);
  const isThere = (service: string): boolean => isKnownService(catalog, service) || hasProxy(service);
  return rows.policies.flatMap((policy) => [
    ...policyWarnings(catalog, policy, isThere).flatMap(({ text, mend }) =>
      mend === undefined ? [] : [warning(`ServicePolicy ${policy.serviceName}: ${text}`, mend)],
    ),
    ...hashFindings(policy),
  ]);
}

function catalogOf({ policies, endpoints }: CatalogRows): Catalog {
  const changes = [...policies, ...endpoints].map((row) => ({ key: keyOf(row), before: undefined, after: row }));
  return applyChanges(emptyCatalog, changes, 0);
}

function hashFindings(policy: ServicePolicy): readonly Finding[] {
  const hashes = policy.lbPolicy === "ring_hash" || policy.lbPolicy === "maglev";
  if (!hashes || policy.hashOn !== null) return [];
  return [
    warning(
      `ServicePolicy ${policy.serviceName}: ${policy.lbPolicy} without hash_on chooses freely`,
      `heddle policy set ${policy.serviceName} --hash-on header:x-user`,
    ),
  ];
}
