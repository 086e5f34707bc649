import type { RedirectAction } from "../../shared/model/route.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import type { RequestHead } from "../http1/message.ts";
import type { RedirectRuntime } from "../runtime/runtime.ts";
import type { PathTest } from "./path-match.ts";
import { checkText, replacePrefix } from "./rewrite.ts";

/** Builds the Location of a redirect: what the action does not name stays as the client sent it (Envoy `RedirectAction`). */
export function compileRedirect(
  action: RedirectAction,
  test: PathTest,
  path: string,
  violations: Violation[],
): RedirectRuntime {
  if (action.host !== undefined && !/^[\w.:[\]-]+$/.test(action.host)) {
    violations.push(violation(`${path}.host_redirect`, `"${action.host}" is not a host`));
  }
  if (action.scheme !== undefined && !/^[a-z][a-z0-9+.-]*$/i.test(action.scheme)) {
    violations.push(violation(`${path}.scheme_redirect`, `"${action.scheme}" is not a scheme`));
  }
  if (action.port !== undefined && (action.port < 0 || action.port > 65_535)) {
    violations.push(violation(`${path}.port_redirect`, `${action.port} is not in 0-65535`));
  }
  if (action.path !== undefined) checkRedirectPath(action.path, path, violations);
  return { kind: "redirect", status: action.status, location: (head) => location(action, test, head) };
}

function checkRedirectPath(target: NonNullable<RedirectAction["path"]>, path: string, violations: Violation[]): void {
  if (target.kind === "prefix") return checkText(target.value, `${path}.prefix_rewrite`, violations);
  if (/[^\x21-\x7e]/.test(target.value)) {
    violations.push(violation(`${path}.path_redirect`, `"${target.value}" may hold visible ASCII characters`));
  }
}

function location(action: RedirectAction, test: PathTest, head: RequestHead): string {
  const scheme = action.scheme ?? "http";
  const path = redirectPath(action, test, head);
  // A path_redirect that brings its own query replaces that of the request.
  const query = action.stripQuery || path.includes("?") ? "" : head.query;
  return `${scheme}://${redirectAuthority(action, scheme, head)}${path}${query}`;
}

function redirectAuthority(action: RedirectAction, scheme: string, head: RequestHead): string {
  const defaultPort = scheme === "https" ? 443 : 80;
  if (action.port !== undefined && action.port !== 0) {
    const host = action.host ?? head.hostname;
    return action.port === defaultPort ? host : `${host}:${action.port}`;
  }
  // The port of a plain-text listener means nothing to another scheme.
  return action.host ?? (action.scheme === undefined ? head.authority : head.hostname);
}

function redirectPath(action: RedirectAction, test: PathTest, head: RequestHead): string {
  if (action.path === undefined) return head.path;
  if (action.path.kind === "prefix") return replacePrefix(head.path, test, action.path.value);
  return action.path.value.startsWith("/") ? action.path.value : `/${action.path.value}`;
}
