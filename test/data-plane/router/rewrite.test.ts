import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { ForwardAction, PathMatch, RedirectAction } from "../../../shared/model/route.ts";
import { forward, head, onlyRoute } from "../../support/route-builders.ts";

function sends(path: PathMatch, action: Partial<ForwardAction>, line: string): string {
  const { action: runtime } = onlyRoute({ path, action: forward("c", action) });
  assert.equal(runtime.kind, "forward");
  return runtime.kind === "forward" ? runtime.target(head(line)) : "";
}

function redirects(
  action: Partial<RedirectAction>,
  line: string,
  path: PathMatch = { kind: "prefix", value: "/" },
): string {
  const whole = { scheme: undefined, host: undefined, port: undefined, path: undefined, stripQuery: false };
  const { action: runtime } = onlyRoute({ path, action: { kind: "redirect", status: 301, ...whole, ...action } });
  assert.equal(runtime.kind, "redirect");
  return runtime.kind === "redirect" ? runtime.location(head(line)) : "";
}

describe("the path to send", () => {
  it("is the received one, with its query, unless rewritten", () => {
    assert.equal(sends({ kind: "prefix", value: "/" }, {}, "GET web/a/b?c=d"), "/a/b?c=d");
  });

  it("has the matched prefix replaced, one slash at the seam, the query kept", () => {
    const segment = (value: string): PathMatch => ({ kind: "segment-prefix", value });
    const rows: [path: PathMatch, rewrite: string, line: string, expected: string][] = [
      [segment("/api"), "/v2", "GET web/api/users?x=1", "/v2/users?x=1"],
      [segment("/api"), "/v2", "GET web/api", "/v2"],
      [segment("/api"), "/", "GET web/api/users", "/users"],
      [segment("/api"), "/", "GET web/api", "/"],
      [segment("/api"), "/v2/", "GET web/api/users", "/v2/users"],
      [{ kind: "prefix", value: "/api/" }, "/", "GET web/api/users", "/users"],
      [{ kind: "prefix", value: "/ap" }, "/x", "GET web/api", "/xi"],
      [{ kind: "exact", value: "/old" }, "/new", "GET web/old?x", "/new?x"],
      [{ kind: "regex", value: "/.*" }, "/all", "GET web/any/thing", "/all"],
    ];
    for (const [path, prefixRewrite, line, expected] of rows) {
      assert.equal(sends(path, { prefixRewrite }, line), expected, `${line} ${prefixRewrite}`);
    }
  });

  it("has every match of a pattern replaced, groups by number", () => {
    const rows: [pattern: string, substitution: string, line: string, expected: string][] = [
      ["^/service/([^/]+)(/.*)$", "\\2/instance/\\1", "GET web/service/foo/v1/api?q", "/v1/api/instance/foo?q"],
      ["one", "two", "GET web/xxx/one/yyy/one/zzz", "/xxx/two/yyy/two/zzz"],
      ["^(.*?)one(.*)$", "\\1two\\2", "GET web/xxx/one/yyy/one/zzz", "/xxx/two/yyy/one/zzz"],
      ["(?i)/xxx/", "/yyy/", "GET web/aaa/XxX/bbb", "/aaa/yyy/bbb"],
      ["^/a", "", "GET web/a", "/"],
      ["a(b)?", "[\\1]", "GET web/ab/a", "/[b]/[]"],
      ["/a", "\\0\\0", "GET web/a", "/a/a"],
      ["$", "$1", "GET web/a", "/a$1"],
    ];
    for (const [pattern, substitution, line, expected] of rows) {
      assert.equal(
        sends({ kind: "prefix", value: "/" }, { regexRewrite: { pattern, substitution } }, line),
        expected,
        pattern,
      );
    }
  });

  it("leaves the asterisk of OPTIONS alone", () => {
    const { action } = onlyRoute({
      path: { kind: "prefix", value: "" },
      action: forward("c", { prefixRewrite: "/x" }),
    });
    const request = head("OPTIONS web/");
    request.path = "*";
    assert.equal(action.kind === "forward" && action.target(request), "*");
  });
});

describe("the host to send", () => {
  it("is that of the request unless rewritten", () => {
    const authority = (hostRewrite: string | undefined): string | undefined => {
      const { action } = onlyRoute({ action: forward("c", { hostRewrite }) });
      return action.kind === "forward" ? action.authority(head("GET web:81/")) : undefined;
    };
    assert.equal(authority(undefined), "web:81");
    assert.equal(authority("other"), "other");
  });
});

describe("a redirect", () => {
  it("keeps what it does not name", () => {
    const rows: [action: Partial<RedirectAction>, line: string, expected: string][] = [
      [{}, "GET web:81/a?q", "http://web:81/a?q"],
      [{ scheme: "https" }, "GET web:81/a", "https://web/a"],
      [{ host: "other" }, "GET web:81/a", "http://other/a"],
      [{ port: 8080 }, "GET web:81/a", "http://web:8080/a"],
      [{ scheme: "https", port: 443 }, "GET web/a", "https://web/a"],
      [{ path: { kind: "full", value: "/b" } }, "GET web/a?q", "http://web/b?q"],
      [{ path: { kind: "full", value: "/b?r" } }, "GET web/a?q", "http://web/b?r"],
      [{ stripQuery: true }, "GET web/a?q", "http://web/a"],
    ];
    for (const [action, line, expected] of rows)
      assert.equal(redirects(action, line), expected, JSON.stringify(action));
  });

  it("replaces only the matched prefix when told so", () => {
    const action = { path: { kind: "prefix", value: "/new" } } as const;
    assert.equal(redirects(action, "GET web/old/x?q", { kind: "segment-prefix", value: "/old" }), "http://web/new/x?q");
  });
});
