import type { FieldRules } from "./field-rules.ts";

/** Policy.drop_overloads is judged by the reader; the rest of the policy tunes what Heddle does not do. */
export const assignmentRules: FieldRules = {
  read: ["clusterName", "endpoints"],
  ignored: ["policy"],
  outside: "ignore",
};

/** Localities weigh nothing until a cluster asks for it, and such a cluster is refused. Outside: 7, 8 other lists of endpoints. */
export const localityRules: FieldRules = {
  read: ["lbEndpoints", "priority"],
  ignored: ["locality", "metadata", "loadBalancingWeight", "proximity"],
  outside: "ignore",
  exceptions: [7, 8],
};

export const lbEndpointRules: FieldRules = {
  read: ["hostIdentifier", "healthStatus", "loadBalancingWeight", "metadata"],
  ignored: [],
  outside: "ignore",
};

export const addressRules: FieldRules = { read: [], ignored: [], outside: "refuse" };

/** UDP, named ports and resolvers are refused; a network namespace (7) would connect somewhere else. */
export const socketAddressRules: FieldRules = {
  read: ["address", "portSpecifier"],
  ignored: ["ipv4Compat"],
  outside: "refuse",
};
