import type { Field } from "./field.ts";
import { servicePolicyFields } from "./service-policy-fields.ts";
import type { ServicePolicy } from "./service-policy.ts";

/** What holds for a service without a row: every setting at its default. One object, without a name. */
export const DEFAULT_POLICY: ServicePolicy = {
  ...fallbacks(Object.entries(servicePolicyFields)),
  kind: "ServicePolicy",
  serviceName: "",
};

/** FieldsOf proves that the table has every property of the row; the fallback of each is a value of its shape. */
function fallbacks(fields: readonly (readonly [string, Field])[]): Omit<ServicePolicy, "kind" | "serviceName"> {
  return Object.fromEntries(fields.map(([property, { fallback }]) => [property, fallback])) as unknown as ServicePolicy;
}
