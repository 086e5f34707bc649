import { unreachable } from "../../shared/assert.ts";
import type { Row } from "./catalog.ts";

/** The key of one row. Two rows with an equal key are the same row. */
export type RowKey =
  | { readonly kind: "ServicePolicy"; readonly serviceName: string }
  | { readonly kind: "ServiceEndpoint"; readonly serviceName: string; readonly podIp: string; readonly port: number }
  | { readonly kind: "TrafficSplit"; readonly sourceService: string | null; readonly destinationService: string }
  | { readonly kind: "Route"; readonly name: string };

export function keyOf(row: Row): RowKey {
  switch (row.kind) {
    case "ServicePolicy":
      return { kind: row.kind, serviceName: row.serviceName };
    case "ServiceEndpoint":
      return { kind: row.kind, serviceName: row.serviceName, podIp: row.podIp, port: row.port };
    case "TrafficSplit":
      return { kind: row.kind, sourceService: row.sourceService, destinationService: row.destinationService };
    case "Route":
      return { kind: row.kind, name: row.name };
    default:
      return unreachable(row);
  }
}

/** The key as people write it: `reviews`, `reviews/10.0.0.1:9080`, `web->reviews`, `*->reviews`. Unique within a kind. */
export function describeKey(key: RowKey): string {
  switch (key.kind) {
    case "ServicePolicy":
      return key.serviceName;
    case "ServiceEndpoint":
      return `${key.serviceName}/${key.podIp.includes(":") ? `[${key.podIp}]` : key.podIp}:${key.port}`;
    case "TrafficSplit":
      return `${key.sourceService ?? "*"}->${key.destinationService}`;
    case "Route":
      return key.name;
    default:
      return unreachable(key);
  }
}
