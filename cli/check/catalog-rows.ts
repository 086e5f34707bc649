import type { Route, ServiceEndpoint, TrafficSplit } from "../../control-plane/catalog/catalog.ts";
import type { ServicePolicy } from "../../control-plane/catalog/service-policy.ts";

/** The rows of a mesh, by kind. */
export interface CatalogRows {
  readonly policies: readonly ServicePolicy[];
  readonly endpoints: readonly ServiceEndpoint[];
  readonly splits: readonly TrafficSplit[];
  readonly routes: readonly Route[];
}
