import { unreachable } from "../../shared/assert.ts";
import { parseAddress } from "../../shared/address.ts";
import type { Kind } from "../../control-plane/catalog/catalog.ts";
import type { RowKey } from "../../control-plane/catalog/row-key.ts";
import { usageError } from "../cli-error.ts";
import { shortName } from "./kind-names.ts";

/** How a key of each kind is written on the command line. */
export const KEY_FORMS: Readonly<Record<Kind, string>> = {
  ServicePolicy: "SERVICE",
  ServiceEndpoint: "SERVICE/IP:PORT",
  TrafficSplit: "[SOURCE:]DESTINATION",
  Route: "NAME",
};

/**
 * Reads a key as the tables print it (`reviews`, `reviews/10.0.0.1:9080`, `web->reviews`, `*->reviews`). A shell takes
 * `>` for itself, so a split may also be written `web:reviews`, or `reviews` for the row of all callers.
 */
export function parseKey(kind: Kind, text: string): RowKey {
  switch (kind) {
    case "ServicePolicy":
      return { kind, serviceName: text };
    case "ServiceEndpoint":
      return endpointKey(text);
    case "TrafficSplit":
      return splitKey(text);
    case "Route":
      return { kind, name: text };
    default:
      return unreachable(kind);
  }
}

function endpointKey(text: string): RowKey {
  const slash = text.indexOf("/");
  const address = parseAddress(text.slice(slash + 1), "");
  if (slash < 1 || !address.ok || address.value.host === "")
    throw badKey("ServiceEndpoint", text, "reviews/127.0.0.1:9101");
  return {
    kind: "ServiceEndpoint",
    serviceName: text.slice(0, slash),
    podIp: address.value.host,
    port: address.value.port,
  };
}

function splitKey(text: string): RowKey {
  const parts = text.split(/->|:/);
  // `heddle get split web->reviews` without quotes arrives here as `web-`: the shell has made a file named reviews.
  if (parts.length > 2 || parts.some((part) => part === "") || text.endsWith("-")) {
    throw badKey("TrafficSplit", text, "web:reviews");
  }
  const [source = "", destination = ""] = parts.length === 2 ? parts : ["*", ...parts];
  return { kind: "TrafficSplit", sourceService: source === "*" ? null : source, destinationService: destination };
}

function badKey(kind: Kind, text: string, example: string): Error {
  return usageError(
    `"${text}" is no key of a ${kind}: it is written ${KEY_FORMS[kind]}`,
    `for example ${example}; those there are: heddle ${shortName(kind)} list`,
  );
}
