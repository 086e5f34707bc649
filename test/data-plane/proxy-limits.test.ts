import assert from "node:assert/strict";
import { describe, it } from "node:test";

import {
  limitFlag,
  PROXY_LIMIT_NAMES,
  PROXY_LIMITS,
  readProxyLimits,
  type ProxyLimitSettings,
  type ProxyLimitValues,
} from "../../data-plane/proxy-limits.ts";
import type { Violation } from "../../shared/violation.ts";

function read(settings: ProxyLimitSettings): { readonly values: ProxyLimitValues; readonly found: Violation[] } {
  const found: Violation[] = [];
  return { values: readProxyLimits(settings, found), found };
}

describe("the limits of a proxy", () => {
  it("have defaults within their ranges", () => {
    const { values, found } = read({ headBytesMax: "" });
    assert.deepEqual(found, []);
    for (const name of PROXY_LIMIT_NAMES) {
      const { min, max } = PROXY_LIMITS[name];
      assert.ok(values[name] >= min && values[name] <= max, name);
      assert.match(limitFlag(name), /^[a-z]+(-[a-z]+)+$/);
    }
  });

  it("are taken at both ends of their ranges, and refused beyond, each by its flag, value and range", () => {
    for (const name of PROXY_LIMIT_NAMES) {
      const { min, max } = PROXY_LIMITS[name];
      for (const value of [min, max]) {
        assert.deepEqual(read({ [name]: String(value) }), { values: { ...read({}).values, [name]: value }, found: [] });
      }
      for (const text of [String(min - 1), String(max + 1), "many", "1e3", " 1", "9".repeat(40)]) {
        const { found } = read({ [name]: text });
        assert.equal(found.length, 1, `${name}=${text}`);
        assert.equal(found[0]?.path, `--${limitFlag(name)}`);
        assert.ok(found[0]?.message.startsWith(`"${text}" is not a whole number in ${min} .. ${max}`));
      }
    }
  });

  it("that are wrong are all named", () => {
    const { found } = read({ headBytesMax: "1", connectionsMax: "0", clientConnectionsMax: "0" });
    assert.deepEqual(
      found.map(({ path, message }) => `${path} ${message}`),
      [
        '--head-bytes-max "1" is not a whole number in 1024 .. 1048576 bytes',
        '--connections-max "0" is not a whole number in 1 .. 1000000',
      ],
    );
  });
});
