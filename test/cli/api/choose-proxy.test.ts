import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { chooseProxy } from "../../../cli/api/choose-proxy.ts";
import { CliError } from "../../../cli/cli-error.ts";
import { Proxy } from "../../../shared/wire/admin-api.ts";

function proxy(nodeId: string, service: string, connected: boolean): Proxy {
  return Proxy.fromPartial({ nodeId, service, connected });
}

describe("a proxy asked for by name", () => {
  const old = proxy("web-1", "web", false);
  const present = proxy("web-2", "web", true);

  it("is the one of that name, gone or not", () => {
    assert.equal(chooseProxy([old, present], "web-1"), old);
  });

  it("is the only connected one of the service of that name, whoever was there before", () => {
    assert.equal(chooseProxy([old, present], "web"), present);
    assert.equal(chooseProxy([old], "web"), old);
  });

  it("is told by name when there are several, or none", () => {
    const third = proxy("web-3", "web", true);
    const refused = (name: string) => (error: unknown) =>
      error instanceof CliError && `${error.message}: ${error.remedies.join(", ")}` === name;
    assert.throws(
      () => chooseProxy([old, present, third], "web"),
      refused('service "web" has 2 proxies: there are: web-2, web-3, heddle ps'),
    );
    assert.throws(
      () => chooseProxy([old, present], "ghost"),
      refused('no proxy is named "ghost": there are: web-2, heddle ps'),
    );
    assert.throws(() => chooseProxy([], "ghost"), refused('no proxy is named "ghost": heddle ps'));
  });
});
