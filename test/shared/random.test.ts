import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { seededRandom, systemIds } from "../../shared/random.ts";

describe("ids of the system", () => {
  it("are all different over several draws, and of their form", () => {
    const traces = new Set<string>();
    const spans = new Set<string>();
    for (let i = 0; i < 5_000; i += 1) {
      const trace = systemIds.traceId();
      const span = systemIds.spanId();
      assert.match(trace, /^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
      assert.match(span, /^[0-9a-f]{16}$/);
      const uuid = systemIds.traceUuid();
      assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
      assert.equal(uuid.replaceAll("-", ""), trace);
      assert.equal(systemIds.traceUuid(), uuid);
      traces.add(trace);
      spans.add(span);
    }
    assert.equal(traces.size, 5_000);
    assert.equal(spans.size, 5_000);
    assert.match(systemIds.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("a seeded source of chance", () => {
  it("repeats itself for the same seed, within its bounds", () => {
    const [one, same, other] = [seededRandom(7), seededRandom(7), seededRandom(8)];
    let differs = false;
    for (let i = 0; i < 1_000; i += 1) {
      const unit = one.unit();
      assert.ok(unit >= 0 && unit < 1);
      assert.equal(same.unit(), unit);
      differs ||= other.unit() !== unit;
      const below = one.below(6);
      assert.ok(Number.isInteger(below) && below >= 0 && below < 6);
      assert.equal(same.below(6), below);
      other.below(6);
    }
    assert.equal(differs, true);
  });
});
