import { ApiVersion, ConfigSource } from "../generated/envoy/config/core/v3/config_source.ts";
import { violation, type Violation } from "../violation.ts";
import { configSourceRules } from "./cluster-rules.ts";
import { join, refuseUnsupported } from "./field-rules.ts";

/** "On this stream." V3 is written out because Envoy before 1.31 refuses a message without it. */
export function adsConfigSource(): ConfigSource {
  return ConfigSource.fromPartial({
    configSourceSpecifier: { $case: "ads", value: {} },
    resourceApiVersion: ApiVersion.V3,
  });
}

/** gRPC's way to say the same is `self`: the server that sent the message. */
export function requireAds(source: ConfigSource | undefined, path: string, found: Violation[]): void {
  if (source === undefined) {
    found.push(violation(path, "must be set"));
    return;
  }
  refuseUnsupported(source, configSourceRules, path, found);
  const specifier = source.configSourceSpecifier?.$case;
  if (specifier !== "ads" && specifier !== "self") {
    found.push(violation(join(path, "ads"), "must be set: Heddle discovers resources on its one stream only"));
  }
  if (source.resourceApiVersion !== ApiVersion.V3 && source.resourceApiVersion !== ApiVersion.AUTO) {
    found.push(violation(join(path, "resource_api_version"), `${source.resourceApiVersion} is not V3`));
  }
}
