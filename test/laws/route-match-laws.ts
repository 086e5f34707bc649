import assert from "node:assert/strict";
import { it } from "node:test";

import fc from "fast-check";

import type { RequestHead } from "../../data-plane/http1/message.ts";
import type { HeaderMatch, Route, RouteConfig, ValueMatch } from "../../shared/model/route.ts";
import { head, route, routeConfig, virtualHost } from "../support/route-builders.ts";

/** Names the route that a request takes, or undefined. */
export type Matcher = (config: RouteConfig) => (request: RequestHead) => string | undefined;

/** What every implementation of route matching must do, however it is indexed. */
export function routeMatchLaws(matcher: Matcher): void {
  it("finds what a scan of the table in order finds", () => {
    fc.assert(
      fc.property(configs, fc.array(requests, { minLength: 1, maxLength: 20 }), (config, heads) => {
        const match = matcher(config);
        for (const request of heads) assert.equal(match(request), naiveMatch(config, request));
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives the same request to another route when the routes are reordered", () => {
    const [wide, narrow] = [route("wide"), route("narrow", { path: { kind: "exact", value: "/a" } })];
    const first = matcher(routeConfig([virtualHost(["*"], [wide, narrow])]));
    const second = matcher(routeConfig([virtualHost(["*"], [narrow, wide])]));
    assert.equal(first(head("GET web/a")), "wide");
    assert.equal(second(head("GET web/a")), "narrow");
  });

  it("does not fall back to another virtual host when no route of the best one matches", () => {
    const match = matcher(
      routeConfig([
        virtualHost(["web"], [route("a", { path: { kind: "exact", value: "/a" } })]),
        virtualHost(["*"], [route("any")]),
      ]),
    );
    assert.equal(match(head("GET web/b")), undefined);
    assert.equal(match(head("GET other/b")), "any");
  });
}

// Few values, so that they collide often.
const segments = fc.constantFrom("a", "A", "ab", "b");
const paths = fc.array(segments, { maxLength: 3 }).map((parts) => `/${parts.join("/")}`);
const text = fc.constantFrom("", "a", "A", "b", "ab", "a,b", "7", "12");
const values: fc.Arbitrary<ValueMatch> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("exact" as const, "prefix" as const, "suffix" as const, "contains" as const),
    value: text,
    ignoreCase: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("regex" as const), value: fc.constantFrom("a+", "[ab]*", "a|b", "(?i)a.*") }),
  fc.record({ kind: fc.constant("range" as const), start: fc.constantFrom(-1, 0, 7), end: fc.constantFrom(8, 12, 13) }),
  fc.record({ kind: fc.constant("present" as const), present: fc.boolean() }),
);
const headerMatches: fc.Arbitrary<HeaderMatch> = fc.record({
  name: fc.constantFrom("x-a", "x-b", ":method", ":authority", ":path"),
  value: values,
  invert: fc.boolean(),
  treatMissingAsEmpty: fc.boolean(),
});
const routes: fc.Arbitrary<Route> = fc
  .record({
    path: fc.oneof(
      fc.record({ kind: fc.constantFrom("exact" as const, "prefix" as const), value: paths }),
      fc.record({ kind: fc.constant("exact" as const), value: paths }),
      fc.record({ kind: fc.constant("segment-prefix" as const), value: fc.constantFrom("/a", "/ab", "/a/b", "/A") }),
      fc.record({ kind: fc.constant("regex" as const), value: fc.constantFrom("/a", "/.*b", "/[ab]/.+") }),
    ),
    caseSensitive: fc.boolean(),
    headers: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(headerMatches, { maxLength: 2 }) },
    ),
    query: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      {
        weight: 1,
        arbitrary: fc.array(fc.record({ name: fc.constantFrom("q", "r"), value: values }), { maxLength: 1 }),
      },
    ),
  })
  .map((parts) => route("r", parts));
const domains = fc.constantFrom("web", "WEB.mesh", "*.mesh", "*b.mesh", "web*", "w*", "web:8080", "web:80", "*");
const configs: fc.Arbitrary<RouteConfig> = fc
  .tuple(
    fc.uniqueArray(domains, { minLength: 1, maxLength: 6 }),
    fc.array(fc.array(routes, { maxLength: 6 }), { minLength: 1, maxLength: 3 }),
    fc.boolean(),
  )
  .map(([names, lists, ignorePort]) => {
    // Each virtual host gets at least one of the domains, each domain stands once.
    const hosts = lists.slice(0, names.length).map((list, host) => {
      const own = names.filter((_, index) => index % Math.min(lists.length, names.length) === host);
      return virtualHost(
        own,
        list.map((one, index) => ({ ...one, name: `${host}.${index}` })),
      );
    });
    return routeConfig(hosts, ignorePort);
  });
const requests: fc.Arbitrary<RequestHead> = fc
  .record({
    method: fc.constantFrom("GET", "POST"),
    authority: fc.constantFrom("web", "web.mesh", "b.mesh", ".mesh", "web:8080", "web:90", "other"),
    path: paths,
    query: fc.constantFrom("", "?", "?q", "?q=a", "?r=b&q=7", "?qq=a&q=ab&q=b", "?q=a=b"),
    headers: fc.array(fc.tuple(fc.constantFrom("x-a", "x-b", "x-c"), text), { maxLength: 4 }),
  })
  .map(({ method, authority, path, query, headers }) => {
    const request = head(`${method} ${authority}${path}${query}`);
    request.headers = headers.flat();
    return request;
  });

/** The specification, as plainly as it can be said. */
export function naiveMatch(config: RouteConfig, request: RequestHead): string | undefined {
  const host = config.ignorePortInHost ? request.hostname : request.authority;
  const ranked = config.virtualHosts
    .flatMap((one) => one.domains.map((domain) => ({ one, rank: domainRank(domain.toLowerCase(), host, config) })))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank);
  return ranked[0]?.one.routes.find((one) => naiveRoute(one, request))?.name;
}

function domainRank(domain: string, host: string, config: RouteConfig): number {
  if (domain === host) return 1e9;
  const isClaimed = config.virtualHosts.some(({ domains }) => domains.some((one) => one.toLowerCase() === host));
  if (domain === `${host}:80` && !isClaimed) return 1e9;
  if (domain === "*") return 1;
  const fixed = domain.replace("*", "");
  if (domain.startsWith("*") && host.endsWith(fixed) && host !== fixed) return 1e6 + domain.length;
  return domain.endsWith("*") && host.startsWith(fixed) && host !== fixed ? 1e3 + domain.length : 0;
}

function naiveRoute({ match }: Route, request: RequestHead): boolean {
  return (
    naivePath(match, request.path) &&
    match.headers.every((one) => naiveHeader(one, request)) &&
    match.query.every(({ name, value }) => {
      const found = request.query
        .slice(1)
        .split("&")
        .find((part) => part === name || part.startsWith(`${name}=`));
      const text = found?.slice(name.length + 1);
      if (value.kind === "present") return (text !== undefined) === value.present;
      return text !== undefined && naiveValue(value, text);
    })
  );
}

function naivePath({ path, caseSensitive }: Route["match"], received: string): boolean {
  if (path.kind === "regex") return new RegExp(`^(?:${path.value})$`).test(received);
  const [wanted, seen] = caseSensitive ? [path.value, received] : [path.value.toLowerCase(), received.toLowerCase()];
  if (path.kind === "exact") return seen === wanted;
  if (path.kind === "prefix") return seen.startsWith(wanted);
  return seen === wanted || seen.startsWith(`${wanted}/`);
}

function naiveHeader({ name, value, invert, treatMissingAsEmpty }: HeaderMatch, request: RequestHead): boolean {
  const pseudo: Record<string, string> = {
    ":method": request.method,
    ":authority": request.authority,
    ":path": request.path + request.query,
  };
  const lines = request.headers.filter((_, index) => index % 2 === 1 && request.headers[index - 1] === name);
  const found = pseudo[name] ?? (lines.length === 0 ? undefined : lines.join(","));
  if (value.kind === "present") return (found !== undefined) === (value.present !== invert);
  const text = found ?? (treatMissingAsEmpty ? "" : undefined);
  return text !== undefined && naiveValue(value, text) !== invert;
}

function naiveValue(match: ValueMatch, text: string): boolean {
  switch (match.kind) {
    case "regex":
      return new RegExp(`^(?:${match.value.replace("(?i)", "")})$`, match.value.startsWith("(?i)") ? "i" : "").test(
        text,
      );
    case "range":
      return /^-?\d+$/.test(text) && Number(text) >= match.start && Number(text) < match.end;
    case "present":
      return match.present;
    default: {
      const [wanted, seen] = match.ignoreCase ? [match.value.toLowerCase(), text.toLowerCase()] : [match.value, text];
      if (match.kind === "exact") return seen === wanted;
      if (match.kind === "prefix") return seen.startsWith(wanted);
      return match.kind === "suffix" ? seen.endsWith(wanted) : seen.includes(wanted);
    }
  }
}
