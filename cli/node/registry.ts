import { compareEndpoints } from "../../control-plane/catalog/rows.ts";
import type { Row, ServiceEndpoint } from "../../control-plane/catalog/catalog.ts";
import type { ServicePolicy } from "../../control-plane/catalog/service-policy.ts";
import { DEFAULT_POLICY } from "../../control-plane/catalog/default-policy.ts";
import { breakerPolicy } from "../../control-plane/snapshot/cluster-policies.ts";
import type { BreakerPolicy } from "../../shared/model/cluster-policy.ts";
import { checkedRows } from "../documents/checked-resources.ts";
import { parseDocuments } from "../documents/parse-documents.ts";
import { readSources } from "../documents/read-sources.ts";
import type { Terminal } from "../terminal.ts";

export interface Instance {
  readonly host: string;
  readonly port: number;
}

/** What holds for the calls to one service. */
export interface CallPolicies {
  readonly breaker: BreakerPolicy;
  readonly retry: Pick<ServicePolicy, "retryAttempts" | "retryBackoffBaseMs" | "retryBackoffMaxMs">;
}

/** The mesh's rows, as a node asks for them. */
export class Registry {
  readonly #endpoints: readonly ServiceEndpoint[];
  readonly #policies: ReadonlyMap<string, ServicePolicy>;

  constructor(rows: readonly Row[]) {
    this.#endpoints = rows.filter((row) => row.kind === "ServiceEndpoint").toSorted(compareEndpoints);
    const policies = rows.filter((row) => row.kind === "ServicePolicy");
    this.#policies = new Map(policies.map((row) => [row.serviceName, row]));
  }

  /** The healthy instances of a service by address; none of one that nobody knows (F0.10). */
  instances(service: string): readonly Instance[] {
    return this.#endpoints
      .filter(({ serviceName, healthy }) => serviceName === service && healthy)
      .map(({ podIp, port }) => ({ host: podIp, port }));
  }

  policies(service: string): CallPolicies {
    const row = this.#policies.get(service) ?? DEFAULT_POLICY;
    return { breaker: breakerPolicy(row), retry: row };
  }
}

/** The seeds' example mesh (F0.4). */
const EXAMPLE = `
{kind: ServiceEndpoint, service_name: service-b, pod_ip: 10.0.1.1, port: 8080}
---
{kind: ServiceEndpoint, service_name: service-b, pod_ip: 10.0.1.2, port: 8080}
`;

/** The rows of these files, or of the example when there are none. Throws what is wrong with them, for the terminal. */
export async function registryFrom(sources: readonly string[], terminal: Terminal): Promise<Registry> {
  const documents =
    sources.length > 0 ? await readSources(sources, terminal) : await parseDocuments(EXAMPLE, "example");
  return new Registry(checkedRows(documents));
}
