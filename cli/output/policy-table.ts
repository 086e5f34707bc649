import type { ConfigDumpJson } from "../../data-plane/admin/admin-json.ts";
import { describeMatch } from "./match-words.ts";
import { clusterPolicyWords, routePolicyWords, type PolicyWords } from "./policy-words.ts";
import type { Column } from "./table.ts";

/** One policy of one cluster or route. */
export interface PolicyLine extends PolicyWords {
  /** `cluster web`, or `route web /api/*`. */
  readonly of: string;
  /** The row it came from. */
  readonly rule: string;
}

export const policyColumns: readonly Column<PolicyLine>[] = [
  { header: "OF", text: ({ of }) => of },
  { header: "POLICY", text: ({ policy }) => policy },
  { header: "SETTING", text: ({ setting }) => setting },
  { header: "RULE", text: ({ rule }) => rule },
];

/** Every policy that is on, clusters first; one line each, so that `grep breaker` shows all breakers. */
export function policyLines({ clusters, routes }: Pick<ConfigDumpJson, "clusters" | "routes">): readonly PolicyLine[] {
  const ofClusters = clusters.flatMap(({ name, service, policies }) =>
    clusterPolicyWords(policies).map((words) => ({ ...words, of: `cluster ${name}`, rule: `service/${service}` })),
  );
  const ofRoutes = routes.flatMap(({ virtualHosts }) =>
    virtualHosts.flatMap((host) =>
      host.routes.flatMap((route) => {
        const of = `route ${host.name} ${describeMatch(route.match)}`;
        return routePolicyWords(route).map((words) => ({ ...words, of, rule: route.name }));
      }),
    ),
  );
  return [...ofClusters, ...ofRoutes];
}
