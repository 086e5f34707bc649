import { unreachable } from "../../shared/assert.ts";
import * as limits from "../../shared/limits.ts";
import type { Route, Row, TrafficSplit } from "./catalog.ts";
import { policyProblems } from "./policy-rules.ts";
import type { Problem } from "./read-value.ts";

/** The rules between the fields of one row, each field being right by itself. Texts are whole sentences. */
export function rowProblems(row: Row): readonly Problem[] {
  switch (row.kind) {
    case "ServicePolicy":
      return policyProblems(row);
    case "ServiceEndpoint":
      return [];
    case "TrafficSplit":
      return splitProblems(row);
    case "Route":
      return [...matchProblems(row), ...actionProblems(row), ...rewriteProblems(row)];
    default:
      return unreachable(row);
  }
}

/** The words of seed F2.26 (decision C10). */
function splitProblems(split: TrafficSplit): readonly Problem[] {
  const problems: Problem[] = [];
  const sum = split.v1Weight + split.v2Weight;
  if (sum !== 100) {
    problems.push({
      path: "v1_weight",
      text: `Weights must sum to 100 (got ${split.v1Weight}+${split.v2Weight}=${sum})`,
    });
  }
  if (split.v1Version === split.v2Version) {
    problems.push({
      path: "v2_version",
      text: `v2_version must differ from v1_version (got ${split.v2Version} for both)`,
    });
  }
  return problems;
}

function matchProblems(route: Route): readonly Problem[] {
  const given = [
    route.pathExact === null ? "" : "path_exact",
    route.pathPrefix === null ? "" : "path_prefix",
    route.pathRegex === null ? "" : "path_regex",
  ].filter((name) => name !== "");
  if (given.length <= 1) return [];
  return [
    {
      path: given[1] ?? "",
      text: `only one of path_exact, path_prefix and path_regex may be set (got ${given.join(" and ")})`,
    },
  ];
}

function actionProblems(route: Route): readonly Problem[] {
  const problems: Problem[] = [];
  const given = [
    route.destinations.length === 0 ? "" : "destinations",
    route.redirect === null ? "" : "redirect",
    route.directResponse === null ? "" : "direct_response",
  ].filter((name) => name !== "");
  if (given.length > 1) {
    problems.push({
      path: given[1] ?? "",
      text: `only one of destinations, redirect and direct_response may be set (got ${given.join(" and ")})`,
    });
  }
  if (route.destinations.length > 0 && route.destinations.every((destination) => destination.weight === 0)) {
    problems.push({ path: "destinations", text: "the weights of destinations must sum to more than 0 (got 0)" });
  }
  return [...problems, ...redirectProblems(route), ...responseProblems(route)];
}

function redirectProblems({ redirect, pathPrefix, pathExact }: Route): readonly Problem[] {
  if (redirect === null) return [];
  const problems: Problem[] = [];
  const { scheme, host, port, path, prefix } = redirect;
  if (scheme === null && host === null && port === null && path === null && prefix === null) {
    problems.push({
      path: "redirect",
      text: "redirect needs one of scheme, host, port, path and prefix, or it would lead to itself",
    });
  }
  if (path !== null && prefix !== null)
    problems.push({ path: "redirect.prefix", text: "only one of redirect.path and redirect.prefix may be set" });
  if (prefix !== null && pathPrefix === null && pathExact === null) {
    problems.push({
      path: "redirect.prefix",
      text: "redirect.prefix needs path_prefix or path_exact, which it replaces",
    });
  }
  return problems;
}

function responseProblems({ directResponse }: Route): readonly Problem[] {
  if (directResponse === null) return [];
  const bytes = new TextEncoder().encode(directResponse.body).byteLength;
  if (bytes <= limits.DIRECT_BODY_BYTES_MAX) return [];
  return [
    {
      path: "direct_response.body",
      text: `direct_response.body must be at most ${limits.DIRECT_BODY_BYTES_MAX} bytes (got ${bytes})`,
    },
  ];
}

/** Only a forwarded request has a path and a host to rewrite, a timeout and tries. */
function rewriteProblems(route: Route): readonly Problem[] {
  const problems: Problem[] = [];
  const forwards = route.redirect === null && route.directResponse === null;
  const settings = {
    prefix_rewrite: route.prefixRewrite,
    host_rewrite: route.hostRewrite,
    timeout_ms: route.timeoutMs,
    retry_attempts: route.retryAttempts,
  };
  for (const [column, value] of Object.entries(settings)) {
    if (value !== null && !forwards) {
      problems.push({
        path: column,
        text: `${column} has no meaning beside redirect or direct_response, which answer at once`,
      });
    }
  }
  if (route.prefixRewrite !== null && route.pathPrefix === null && route.pathExact === null) {
    problems.push({
      path: "prefix_rewrite",
      text: "prefix_rewrite needs path_prefix or path_exact, which it replaces",
    });
  }
  return problems;
}
