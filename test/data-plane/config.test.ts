import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { readProxyConfig } from "../../data-plane/config.ts";

describe("the settings of a proxy", () => {
  it("need a service; everything else has a default on loopback", () => {
    const config = readProxyConfig({ service: "web" });
    assert.ok(config.ok);
    assert.deepEqual(config.value, {
      service: "web",
      version: "",
      name: undefined,
      app: undefined,
      controlPlanes: [{ host: "127.0.0.1", port: 15_010 }],
      outbound: { host: "127.0.0.1", port: 15_001 },
      inbound: { host: "127.0.0.1", port: 15_006 },
      admin: { host: "127.0.0.1", port: 15_000 },
      upstreams: [],
      stateFolder: undefined,
      readyFile: undefined,
      egress: "allow-any",
      workers: 1,
      pathMode: "reject",
      underscores: "keep",
      limits: {
        headBytesMax: 32_768,
        headFieldsMax: 100,
        bodyBytesMax: 0,
        headTimeoutMs: 10_000,
        bodyIdleTimeoutMs: 30_000,
        requestTimeoutMs: 0,
        idleTimeoutMs: 60_000,
        streamIdleTimeoutMs: 300_000,
        tunnelIdleTimeoutMs: 3_600_000,
        connectionRequestsMax: 100_000,
        requestsMax: 20_000,
        connectionsMax: 10_000,
        clientConnectionsMax: 0,
      },
      accessLog: "stdout",
      logLevel: "info",
      acceptOlder: false,
    });
  });

  it("refuse the name of a service that the control plane would not list", () => {
    for (const service of ["we b", "-web", "web.", "w".repeat(129)]) {
      const config = readProxyConfig({ service, upstream: [`${service}=1`] });
      assert.ok(!config.ok);
      assert.deepEqual(
        config.error.map(({ path, message }) => `${path} ${message}`),
        ["--service", "--upstream"].map(
          (flag) =>
            `${flag} must be 1-128 letters, digits, ".", "-" or "_", a letter or digit first and last (got "${service}")`,
        ),
      );
    }
  });

  it("are read as flags and variables write them", () => {
    const config = readProxyConfig({
      service: "web",
      controlPlane: "10.0.0.1:1, [::1]:2",
      outbound: "0",
      app: "0.0.0.0:80",
      upstream: ["reviews=9091", "ratings=[::1]:0"],
      egress: "registry-only",
      workers: "4",
      pathMode: "merge-slashes",
      underscores: "drop",
      name: "",
    });
    assert.ok(config.ok);
    assert.deepEqual(config.value.controlPlanes, [
      { host: "10.0.0.1", port: 1 },
      { host: "::1", port: 2 },
    ]);
    assert.deepEqual(config.value.outbound, { host: "127.0.0.1", port: 0 });
    assert.deepEqual(config.value.upstreams, [
      { service: "reviews", address: { host: "127.0.0.1", port: 9_091 } },
      { service: "ratings", address: { host: "::1", port: 0 } },
    ]);
    assert.equal(config.value.name, undefined);
    assert.equal(config.value.pathMode, "merge-slashes");
    assert.equal(config.value.underscores, "drop");
    assert.equal(config.value.workers, 4);
  });

  it("that are wrong are all named, each by its flag", () => {
    const config = readProxyConfig({
      outbound: "nowhere",
      inbound: "127.0.0.1:70000",
      upstream: ["reviews", "=1", "ratings=x"],
      egress: "maybe",
      workers: "65",
      pathMode: "any",
      underscores: "some",
      logLevel: "loud",
      version: "v".repeat(33),
    });
    assert.ok(!config.ok);
    assert.deepEqual(
      config.error.map(({ path }) => path),
      [
        "--service",
        "--version",
        "--outbound",
        "--inbound",
        "--upstream",
        "--upstream",
        "--upstream",
        "--egress",
        "--workers",
        "--path-mode",
        "--underscores",
        "--log-level",
      ],
    );
    assert.match(config.error.at(-5)?.message ?? "", /"maybe" is none of allow-any, registry-only/);
  });
});
