import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { compileRoutes } from "../../../data-plane/router/compile-routes.ts";
import type { RouteConfig } from "../../../shared/model/route.ts";
import { routeMatchLaws } from "../../laws/route-match-laws.ts";
import {
  clusterRuntime,
  exactly,
  forward,
  head,
  header,
  route,
  routeConfig,
  tableOf,
  virtualHost,
} from "../../support/route-builders.ts";

function takes(config: RouteConfig, line: string, headers: Record<string, string | string[]> = {}): string | undefined {
  return tableOf(config).match(head(line, headers))?.name;
}

describe("a route table", () => {
  routeMatchLaws((config) => {
    const table = tableOf(config);
    return (request) => table.match(request)?.name;
  });

  it("answers like this table", () => {
    const config = routeConfig([
      virtualHost(
        ["shop", "shop.mesh"],
        [
          route("static", { path: { kind: "exact", value: "/robots.txt" } }),
          route("api-beta", { path: { kind: "segment-prefix", value: "/api" }, headers: [header("x-beta", "yes")] }),
          route("api", { path: { kind: "segment-prefix", value: "/api" } }),
          route("users", { path: { kind: "regex", value: "/users/[0-9]+" } }),
          route("search", { path: { kind: "exact", value: "/search" }, query: [{ name: "v", value: exactly("2") }] }),
          route("writes", { headers: [header(":method", { kind: "regex", value: "POST|PUT" })] }),
          route("icons", { path: { kind: "prefix", value: "/ICONS/" }, caseSensitive: false }),
        ],
      ),
      virtualHost(["*.mesh"], [route("mesh")]),
    ]);
    const rows: [line: string, headers: Record<string, string>, expected: string | undefined][] = [
      ["GET shop/robots.txt", {}, "static"],
      ["GET shop/robots.txt?x", {}, "static"],
      ["GET shop/robots.txt/", {}, undefined],
      ["GET shop/api", {}, "api"],
      ["GET shop/api/v1", {}, "api"],
      ["GET shop/apix", {}, undefined],
      ["GET shop/api/v1", { "x-beta": "yes" }, "api-beta"],
      ["GET shop/api/v1", { "x-beta": "no" }, "api"],
      ["GET shop/users/42", {}, "users"],
      ["GET shop/users/42/orders", {}, undefined],
      ["GET shop/search?v=2", {}, "search"],
      ["GET shop/search?v=3", {}, undefined],
      ["POST shop/search?v=3", {}, "writes"],
      ["POST shop/robots.txt", {}, "static"],
      ["GET shop/icons/a.svg", {}, "icons"],
      ["GET shop.mesh/api", {}, "api"],
      ["GET other.mesh/api", {}, "mesh"],
      ["GET elsewhere/api", {}, undefined],
    ];
    for (const [line, headers, expected] of rows) {
      assert.equal(takes(config, line, headers), expected, `${line} ${JSON.stringify(headers)}`);
    }
  });

  it("keeps the order between an exact path and what stands before and after it", () => {
    const exact = { kind: "exact", value: "/a" } as const;
    const config = routeConfig([
      virtualHost(
        ["*"],
        [
          route("canary", { headers: [header("x-canary", "true")] }),
          route("exact", { path: exact }),
          route("exact-again", { path: exact }),
          route("exact-late", { path: exact, headers: [header("x-late", "1")] }),
          route("rest"),
        ],
      ),
    ]);
    assert.equal(takes(config, "GET web/a"), "exact");
    assert.equal(takes(config, "GET web/a", { "x-late": "1" }), "exact");
    assert.equal(takes(config, "GET web/a", { "x-canary": "true" }), "canary");
    assert.equal(takes(config, "GET web/b"), "rest");
  });

  it("lets a canary header beat the weights of a split", () => {
    const split = {
      clusters: [
        { cluster: "reviews|v1", weight: 95 },
        { cluster: "reviews|v2", weight: 5 },
      ],
    };
    const config = routeConfig([
      virtualHost(
        ["reviews"],
        [
          route("header_match", { headers: [header("x-canary", "true")], action: forward("reviews|v2") }),
          route("weights", { action: forward("", split) }),
        ],
      ),
    ]);
    const table = tableOf(config, ["reviews|v1", "reviews|v2"]);
    const chosen = (headers: Record<string, string>, unit: number) => {
      const action = table.match(head("GET reviews/", headers))?.action;
      return action?.kind === "forward" ? action.pickCluster(unit)?.name : undefined;
    };
    assert.equal(chosen({ "x-canary": "true" }, 0), "reviews|v2");
    assert.equal(chosen({ "x-canary": "false" }, 0), "reviews|v1");
    assert.equal(chosen({}, 0.9499), "reviews|v1");
    assert.equal(chosen({}, 0.95), "reviews|v2");
  });

  it("knows a named host even when none of its routes matches, and not one that only the catch-all serves", () => {
    const table = tableOf(routeConfig([virtualHost(["web", "*.mesh"], []), virtualHost(["*"], [route("any")])]));
    assert.equal(table.match(head("GET web/")), undefined);
    assert.deepEqual(
      ["web", "a.mesh", "example.org"].map((host) => table.knowsHost(head(`GET ${host}/`))),
      [true, true, false],
    );
  });

  it("ignores the port of a host when told to", () => {
    const hosts = [virtualHost(["web"], [route("web")])];
    assert.equal(takes(routeConfig(hosts), "GET web:8080/"), undefined);
    assert.equal(takes(routeConfig(hosts, true), "GET web:8080/"), "web");
  });

  it("reads several lines of a header as one list: a second line cannot turn a match on or off unseen", () => {
    const config = routeConfig([
      virtualHost(
        ["*"],
        [
          route("exact", { headers: [header("x-role", "user")] }),
          route("list", { headers: [header("x-role", "user,admin")] }),
        ],
      ),
    ]);
    assert.equal(takes(config, "GET web/", { "x-role": "user" }), "exact");
    assert.equal(takes(config, "GET web/", { "x-role": ["user", "admin"] }), "list");
    assert.equal(takes(config, "GET web/", { "x-role": "user,admin" }), "list");
  });
});

describe("a bound route table", () => {
  it("is the same table while its clusters are the same, and sees a replaced one", () => {
    const compiled = compileRoutes(routeConfig([virtualHost(["a"], [route("a")]), virtualHost(["b"], [route("b")])]));
    assert.ok(compiled.ok);
    const clusters = new Map(["a", "b", "c"].map((name) => [name, clusterRuntime(name)]));
    const first = compiled.value.bind(clusters);
    const again = compiled.value.bind(new Map(clusters).set("c", clusterRuntime("c")));
    assert.equal(again, first);

    const replaced = clusterRuntime("b");
    const second = compiled.value.bind(new Map(clusters).set("b", replaced));
    const clusterOf = (table: typeof first, host: string) => {
      const action = table.match(head(`GET ${host}/`))?.action;
      return action?.kind === "forward" ? action.pickCluster(0) : undefined;
    };
    assert.notEqual(second, first);
    assert.equal(clusterOf(second, "b"), replaced);
    assert.equal(clusterOf(first, "b"), clusters.get("b"));
    assert.equal(second.match(head("GET a/")), first.match(head("GET a/")));
  });

  it("answers with no cluster where a route names an unknown one", () => {
    const action = tableOf(routeConfig([virtualHost(["*"], [route("gone")])])).match(head("GET web/"))?.action;
    assert.equal(action?.kind, "forward");
    assert.equal(action.kind === "forward" && action.pickCluster(0.5), undefined);
  });
});
