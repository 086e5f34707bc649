import { KINDS, type Kind } from "../../control-plane/catalog/catalog.ts";
import { usageError } from "../cli-error.ts";

/** Short names first: they are the ones shown in help. */
const NAMES: Readonly<Record<Kind, readonly string[]>> = {
  ServicePolicy: ["policy", "policies", "servicepolicy", "servicepolicies"],
  ServiceEndpoint: ["endpoint", "endpoints", "serviceendpoint", "serviceendpoints"],
  TrafficSplit: ["split", "splits", "trafficsplit", "trafficsplits"],
  Route: ["route", "routes"],
};

export const KIND_ARGUMENT = "policy, endpoint, split or route; also the plural, and names such as ServicePolicy";

/** The word for a kind in commands: `policy`, `endpoint`, `split`, `route`. */
export function shortName(kind: Kind): string {
  return NAMES[kind][0] ?? kind;
}

/** Every name, in any case and with or without `-` and `_`, means its kind; anything else is a usage error. */
export function parseKind(typed: string): Kind {
  const word = typed.toLowerCase().replaceAll(/[-_]/g, "");
  const kind = KINDS.find((candidate) => NAMES[candidate].includes(word));
  if (kind !== undefined) return kind;
  throw usageError(
    `unknown kind "${typed}"`,
    `kinds: ${KINDS.map((candidate) => `${shortName(candidate)} (${candidate})`).join(", ")}`,
  );
}
