import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { RedirectAction } from "../../../shared/model/route.ts";
import { forward, header, problemsOf, route, routeConfig, virtualHost } from "../../support/route-builders.ts";

const redirect: RedirectAction = {
  kind: "redirect",
  status: 302,
  scheme: undefined,
  host: undefined,
  port: undefined,
  path: undefined,
  stripQuery: false,
};

describe("a route configuration", () => {
  it("is refused with everything that is wrong, each with its place", () => {
    const problems = problemsOf(
      routeConfig([
        virtualHost(["web"], [route("r", { path: { kind: "regex", value: "a(" } })]),
        virtualHost(
          ["WEB"],
          [
            route("zero", {
              action: forward("", {
                clusters: [
                  { cluster: "a", weight: 0 },
                  { cluster: "b", weight: 0 },
                ],
              }),
            }),
            route("seg", { path: { kind: "segment-prefix", value: "/api/" }, headers: [header("", "x")] }),
            route("both", {
              action: forward("c", { prefixRewrite: "/a", regexRewrite: { pattern: "a", substitution: "b" } }),
            }),
            route("status", { action: { kind: "respond", status: 199, body: "" } }),
          ],
        ),
      ]),
    );
    assert.deepEqual(
      problems.map((one) => one.replace(/(RE2): .*/, "$1")),
      [
        'virtual_hosts[1].domains[0]: "WEB" stands twice in the table',
        'virtual_hosts[0].routes[0].match.safe_regex.regex: "a(" is not a regular expression of RE2',
        "virtual_hosts[1].routes[0].route.weighted_clusters: the weights sum to 0, which must be in 1-4294967295",
        'virtual_hosts[1].routes[1].match.path_separated_prefix: "/api/" must be a path of two or more characters without "?", "#" or a final "/"',
        "virtual_hosts[1].routes[1].match.headers[0].name: must name a header",
        "virtual_hosts[1].routes[2].route: has both prefix_rewrite and regex_rewrite; at most one is allowed",
        "virtual_hosts[1].routes[3].direct_response.status: 199 is not in 200-599",
      ],
    );
  });

  it("is refused when a rewrite or redirect could break the request line or header it ends in", () => {
    const table = (action: Parameters<typeof route>[1]): string[] =>
      problemsOf(routeConfig([virtualHost(["*"], [route("r", action)])]));
    const rows: [action: Parameters<typeof route>[1], expected: RegExp][] = [
      [{ action: forward("c", { prefixRewrite: "/a b" }) }, /route\.prefix_rewrite: /],
      [{ action: forward("c", { prefixRewrite: "/a?b" }) }, /route\.prefix_rewrite: /],
      [{ action: forward("c", { prefixRewrite: "/a\r\nx: y" }) }, /route\.prefix_rewrite: /],
      [{ action: forward("c", { hostRewrite: "a\r\nx: y" }) }, /route\.host_rewrite_literal: /],
      [
        { action: forward("c", { regexRewrite: { pattern: "a", substitution: "\\1" } }) },
        /substitution: \\1 names a group/,
      ],
      [
        { action: forward("c", { regexRewrite: { pattern: "a", substitution: "\\x" } }) },
        /substitution: .*a backslash must/,
      ],
      [
        { action: forward("c", { regexRewrite: { pattern: "(", substitution: "" } }) },
        /regex_rewrite\.pattern\.regex: /,
      ],
      [{ action: forward("c", { clusters: [] }) }, /route: must name a cluster/],
      [{ action: forward("c", { clusters: [{ cluster: "c", weight: -1 }] }) }, /weight: -1 is not/],
      [{ action: forward("", {}) }, /route\.cluster: must name a cluster/],
      [{ action: { ...redirect, host: "a/b" } }, /redirect\.host_redirect: /],
      [{ action: { ...redirect, scheme: "a b" } }, /redirect\.scheme_redirect: /],
      [{ action: { ...redirect, port: 70_000 } }, /redirect\.port_redirect: /],
      [{ action: { ...redirect, path: { kind: "full", value: "/a\n" } } }, /redirect\.path_redirect: /],
      [{ action: { ...redirect, path: { kind: "prefix", value: "/a b" } } }, /redirect\.prefix_rewrite: /],
    ];
    for (const [action, expected] of rows) assert.match(table(action).join("\n"), expected);
  });
});
