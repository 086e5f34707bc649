import { RouteAction_RequestMirrorPolicy as RequestMirrorPolicy } from "../generated/envoy/config/route/v3/route_components.ts";
import type { MirrorPolicy } from "../model/route.ts";
import { violation, type Violation } from "../violation.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { fractionMessage, readFraction } from "./fraction-wire.ts";
import { mirrorRules } from "./route-rules.ts";

export function mirrorMessage({ cluster, percent }: MirrorPolicy): RequestMirrorPolicy {
  return RequestMirrorPolicy.fromPartial({ cluster, runtimeFraction: { defaultValue: fractionMessage(percent) } });
}

/** Without a share, every request is copied. */
export function readMirrors(
  messages: readonly RequestMirrorPolicy[],
  path: string,
  found: Violation[],
): readonly MirrorPolicy[] {
  return messages.map((message, index) => {
    const at = join(path, `request_mirror_policies[${index}]`);
    refuseUnsupported(message, mirrorRules, at, found);
    if (message.cluster === "") found.push(violation(join(at, "cluster"), "must not be empty"));
    const fraction = message.runtimeFraction?.defaultValue;
    return { cluster: message.cluster, percent: fraction === undefined ? 100 : readFraction(fraction) };
  });
}
