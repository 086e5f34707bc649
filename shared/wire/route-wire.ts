import { RouteConfiguration } from "../generated/envoy/config/route/v3/route.ts";
import {
  DirectResponseAction,
  RedirectAction as RedirectMessage,
  RedirectAction_RedirectResponseCode,
  Route as RouteMessage,
  VirtualHost as VirtualHostMessage,
} from "../generated/envoy/config/route/v3/route_components.ts";
import type { NodeKind } from "../model/node.ts";
import type { RedirectAction, RespondAction, Route, RouteAction, RouteConfig, VirtualHost } from "../model/route.ts";
import { err, ok, type Result } from "../result.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, encodeMessage } from "./any.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { forwardMessage, readForward } from "./forward-wire.ts";
import { readRouteMatch, routeMatchMessage } from "./match-wire.ts";
import { hostDefaults, tableDefaults, type RouteDefaults } from "./route-defaults-wire.ts";
import { readRouteFilters, routeFilterConfigs } from "./route-filters-wire.ts";
import { routePolicyMetadata, withRoutePolicy } from "./route-policy-wire.ts";
import { directResponseRules, redirectRules, routeConfigRules, routeRules, virtualHostRules } from "./route-rules.ts";

/** The bytes of a RouteConfiguration. */
export function encodeRouteConfig(config: RouteConfig, kind: NodeKind = "heddle"): Buffer {
  return encodeMessage(RouteConfiguration, routeConfigMessage(config, kind));
}

/** The model of a RouteConfiguration, or everything in it that Heddle cannot use. */
export function decodeRouteConfig(bytes: Uint8Array): Result<RouteConfig, Violation[]> {
  const message = decodeMessage(RouteConfiguration, bytes);
  if (!message.ok) return err([violation("", message.error)]);
  const found: Violation[] = [];
  const config = readRouteConfig(message.value, "", found);
  return found.length > 0 ? err(found) : ok(config);
}

export function routeConfigMessage(config: RouteConfig, kind: NodeKind): RouteConfiguration {
  return RouteConfiguration.fromPartial({
    name: config.name,
    virtualHosts: config.virtualHosts.map((host) =>
      VirtualHostMessage.fromPartial({
        name: host.name,
        domains: [...host.domains],
        routes: host.routes.map((route) => routeMessage(route, kind)),
      }),
    ),
    ignorePortInHostMatching: config.ignorePortInHost,
  });
}

export function readRouteConfig(message: RouteConfiguration, path: string, found: Violation[]): RouteConfig {
  refuseUnsupported(message, routeConfigRules, path, found);
  const defaults = tableDefaults(message, path, found);
  return {
    name: message.name,
    virtualHosts: message.virtualHosts.map((host, index) =>
      readVirtualHost(host, defaults, join(path, `virtual_hosts[${index}]`), found),
    ),
    ignorePortInHost: message.ignorePortInHostMatching,
  };
}

function readVirtualHost(
  message: VirtualHostMessage,
  table: RouteDefaults,
  path: string,
  found: Violation[],
): VirtualHost {
  refuseUnsupported(message, virtualHostRules, path, found);
  if (message.domains.length === 0) found.push(violation(join(path, "domains"), "must not be empty"));
  const defaults = hostDefaults(message, table, path, found);
  const routes = message.routes.flatMap((route, index) => {
    const read = readRoute(route, defaults, join(path, `routes[${index}]`), found);
    return read === undefined ? [] : [read];
  });
  return { name: message.name, domains: message.domains, routes };
}

function routeMessage(route: Route, kind: NodeKind): RouteMessage {
  return RouteMessage.fromPartial({
    name: route.name,
    match: routeMatchMessage(route.match),
    action: actionMessage(route.action, kind),
    typedPerFilterConfig: routeFilterConfigs(route, kind),
    ...(kind === "heddle" ? { metadata: routePolicyMetadata(route) } : {}),
  });
}

function actionMessage(action: RouteAction, kind: NodeKind): NonNullable<RouteMessage["action"]> {
  switch (action.kind) {
    case "forward":
      return { $case: "route", value: forwardMessage(action, kind) };
    case "redirect":
      return { $case: "redirect", value: redirectMessage(action) };
    case "respond":
      return { $case: "directResponse", value: respondMessage(action) };
  }
}

function readRoute(
  message: RouteMessage,
  defaults: RouteDefaults,
  path: string,
  found: Violation[],
): Route | undefined {
  refuseUnsupported(message, routeRules, path, found);
  if (message.match === undefined) found.push(violation(join(path, "match"), "must be set"));
  const match = message.match === undefined ? undefined : readRouteMatch(message.match, join(path, "match"), found);
  const action = readAction(message, defaults, path, found);
  const filters = { ...defaults.filters, ...readRouteFilters(message.typedPerFilterConfig, path, found) };
  if (match === undefined || action === undefined) return undefined;
  const { fault, rateLimit } = filters;
  return withRoutePolicy({ name: message.name, match, action, fault, rateLimit }, message.metadata, path, found);
}

function readAction(
  message: RouteMessage,
  defaults: RouteDefaults,
  path: string,
  found: Violation[],
): RouteAction | undefined {
  const { action } = message;
  switch (action?.$case) {
    case "route":
      return readForward(action.value, defaults, join(path, "route"), found);
    case "redirect":
      return readRedirect(action.value, join(path, "redirect"), found);
    case "directResponse":
      return readRespond(action.value, join(path, "direct_response"), found);
    case "filterAction":
    case "nonForwardingAction":
      found.push(violation(path, `${action.$case} is not supported by Heddle`));
      return undefined;
    case undefined:
      found.push(violation(path, "must have route, redirect or direct_response"));
      return undefined;
  }
}

const redirectCodes: Readonly<Record<RedirectAction["status"], RedirectAction_RedirectResponseCode>> = {
  301: RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY,
  302: RedirectAction_RedirectResponseCode.FOUND,
  303: RedirectAction_RedirectResponseCode.SEE_OTHER,
  307: RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT,
  308: RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT,
};
const redirectStatuses = [301, 302, 303, 307, 308] as const;

function redirectMessage(action: RedirectAction): RedirectMessage {
  const { scheme, path } = action;
  return RedirectMessage.fromPartial({
    ...(scheme === undefined ? {} : { schemeRewriteSpecifier: { $case: "schemeRedirect", value: scheme } }),
    hostRedirect: action.host ?? "",
    portRedirect: action.port ?? 0,
    ...(path === undefined
      ? {}
      : {
          pathRewriteSpecifier: { $case: path.kind === "full" ? "pathRedirect" : "prefixRewrite", value: path.value },
        }),
    responseCode: redirectCodes[action.status],
    stripQuery: action.stripQuery,
  });
}

function readRedirect(message: RedirectMessage, path: string, found: Violation[]): RedirectAction {
  refuseUnsupported(message, redirectRules, path, found);
  const status = redirectStatuses.find((code) => redirectCodes[code] === message.responseCode);
  if (status === undefined) {
    found.push(violation(join(path, "response_code"), `${message.responseCode} is not known to Heddle`));
  }
  if (message.portRedirect > 65_535) {
    found.push(violation(join(path, "port_redirect"), `${message.portRedirect} is not in 0-65535`));
  }
  return {
    kind: "redirect",
    status: status ?? 301,
    scheme: readScheme(message),
    host: message.hostRedirect === "" ? undefined : message.hostRedirect,
    port: message.portRedirect === 0 ? undefined : message.portRedirect,
    path: readRedirectPath(message, path, found),
    stripQuery: message.stripQuery,
  };
}

function readScheme(message: RedirectMessage): string | undefined {
  const specifier = message.schemeRewriteSpecifier;
  if (specifier?.$case === "httpsRedirect") return specifier.value ? "https" : undefined;
  return specifier === undefined || specifier.value === "" ? undefined : specifier.value;
}

function readRedirectPath(message: RedirectMessage, path: string, found: Violation[]): RedirectAction["path"] {
  const specifier = message.pathRewriteSpecifier;
  switch (specifier?.$case) {
    case undefined:
      return undefined;
    case "pathRedirect":
      return { kind: "full", value: specifier.value };
    case "prefixRewrite":
      return { kind: "prefix", value: specifier.value };
    case "regexRewrite":
    case "pathRewrite":
      found.push(violation(path, `${specifier.$case} is not supported by Heddle`));
      return undefined;
  }
}

function respondMessage(action: RespondAction): DirectResponseAction {
  return DirectResponseAction.fromPartial({
    status: action.status,
    ...(action.body === "" ? {} : { body: { specifier: { $case: "inlineString", value: action.body } } }),
  });
}

function readRespond(message: DirectResponseAction, path: string, found: Violation[]): RespondAction {
  refuseUnsupported(message, directResponseRules, path, found);
  const specifier = message.body?.specifier;
  switch (specifier?.$case) {
    case undefined:
      return { kind: "respond", status: message.status, body: "" };
    case "inlineString":
      return { kind: "respond", status: message.status, body: specifier.value };
    case "inlineBytes":
      return { kind: "respond", status: message.status, body: Buffer.from(specifier.value).toString("utf8") };
    case "filename":
    case "environmentVariable":
      found.push(violation(join(path, "body"), "only inline_string and inline_bytes are supported by Heddle"));
      return { kind: "respond", status: message.status, body: "" };
  }
}
