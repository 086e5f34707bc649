import type { Proxy } from "../../shared/wire/admin-api.ts";
import { CliError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";

const NAMES_SHOWN_MAX = 8;

/**
 * The proxy of that name, or the only one of the service of that name. Proxies that are gone stay known for an hour;
 * they make nothing ambiguous.
 */
export function chooseProxy(proxies: readonly Proxy[], name: string): Proxy {
  const named = proxies.find(({ nodeId }) => nodeId === name);
  if (named !== undefined) return named;
  const ofService = presentFirst(proxies.filter(({ service }) => service === name));
  const [only, another] = ofService;
  if (only !== undefined && another === undefined) return only;
  if (only !== undefined) {
    throw new CliError(`service "${name}" has ${ofService.length} proxies`, EXIT.failed, known(ofService));
  }
  throw new CliError(`no proxy is named "${name}"`, EXIT.failed, known(presentFirst(proxies)));
}

/** The connected ones; all, when none is. */
function presentFirst(proxies: readonly Proxy[]): readonly Proxy[] {
  const connected = proxies.filter((proxy) => proxy.connected);
  return connected.length > 0 ? connected : proxies;
}

function known(proxies: readonly Proxy[]): readonly string[] {
  const names = proxies.slice(0, NAMES_SHOWN_MAX).map(({ nodeId }) => nodeId);
  return names.length === 0 ? ["heddle ps"] : [`there are: ${names.join(", ")}`, "heddle ps"];
}
