import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { compileHosts } from "../../../data-plane/router/host-match.ts";
import type { Violation } from "../../../shared/violation.ts";

function finds(domains: readonly string[], host: string): string | undefined {
  const violations: Violation[] = [];
  const hosts = compileHosts(
    domains.map((domain) => [domain]),
    "virtual_hosts",
    violations,
  );
  assert.deepEqual(violations, []);
  return domains[hosts.find(host)];
}

function refuses(domainsOf: readonly (readonly string[])[]): string[] {
  const violations: Violation[] = [];
  compileHosts(domainsOf, "virtual_hosts", violations);
  return violations.map(({ path, message }) => `${path}: ${message}`);
}

describe("the virtual host of a host", () => {
  it("is the exact one, else the longest suffix, else the longest prefix, else the catch-all", () => {
    const domains = ["*", "w*", "web.*", "*.mesh", "*b.mesh", "web.mesh"];
    const rows: [host: string, domain: string][] = [
      ["web.mesh", "web.mesh"],
      ["db.mesh", "*b.mesh"],
      ["api.mesh", "*.mesh"],
      ["web.example", "web.*"],
      ["www", "w*"],
      ["elsewhere", "*"],
    ];
    for (const [host, domain] of rows) assert.equal(finds(domains, host), domain, host);
  });

  it("needs at least one character in place of the star", () => {
    assert.equal(finds(["*.mesh"], ".mesh"), undefined);
    assert.equal(finds(["web*"], "web"), undefined);
  });

  it("is compared without regard to case, and stands for its default port and final dot", () => {
    assert.equal(finds(["WEB.Mesh"], "web.mesh"), "WEB.Mesh");
    assert.equal(finds(["web:80"], "web"), "web:80");
    assert.equal(finds(["web."], "web"), "web.");
    assert.equal(finds(["web:80", "web"], "web"), "web");
    assert.equal(finds(["web:8080"], "web"), undefined);
  });

  it("is refused when it is named twice, empty, missing, or has a star inside", () => {
    assert.deepEqual(refuses([["a", "b"], ["A"], [""], ["a*b", "**"], []]), [
      'virtual_hosts[1].domains[0]: "A" stands twice in the table',
      "virtual_hosts[2].domains[0]: must not be empty",
      'virtual_hosts[3].domains[0]: "a*b" may have one "*", at its start or its end',
      'virtual_hosts[3].domains[1]: "**" may have one "*", at its start or its end',
      "virtual_hosts[4].domains: must name at least one domain",
    ]);
  });
});
