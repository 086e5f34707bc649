import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { LeaseTable } from "../../../control-plane/liveness/lease.ts";
import { LEASE_GRACE_MS, LEASE_MS, LEASE_TICK_MS } from "../../../shared/defaults.ts";

/** A table whose process has been up for long, ticked as the sweeper does it. */
class Leases {
  readonly table = new LeaseTable(0);
  nowMs = 0;

  constructor() {
    this.passes(LEASE_GRACE_MS, 9);
  }

  passes(ms: number, connected: number): readonly string[] {
    const expired: string[] = [];
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      this.nowMs += LEASE_TICK_MS;
      expired.push(...this.table.onTick(this.nowMs, connected));
    }
    return expired;
  }
}

describe("a lease", () => {
  it("ends once, a whole lease after the last stream", () => {
    const leases = new Leases();
    leases.table.onLost("a", leases.nowMs);
    assert.deepEqual(leases.passes(LEASE_MS - LEASE_TICK_MS, 9), []);
    assert.deepEqual(leases.passes(LEASE_TICK_MS, 9), ["a"]);
    assert.deepEqual(leases.passes(LEASE_MS * 2, 9), []);
  });

  it("does not end when the node came back", () => {
    const leases = new Leases();
    leases.table.onLost("a", leases.nowMs);
    leases.passes(LEASE_MS / 2, 9);
    leases.table.onConnected("a");
    assert.deepEqual(leases.passes(LEASE_MS * 2, 9), []);
  });

  it("of a node not seen since the start waits until every node has had time to return", () => {
    const table = new LeaseTable(0);
    table.onLost("a", 0);
    const leases = { expiredAtMs: Number.NaN };
    for (let nowMs = LEASE_TICK_MS; Number.isNaN(leases.expiredAtMs); nowMs += LEASE_TICK_MS) {
      if (table.onTick(nowMs, 5).length > 0) leases.expiredAtMs = nowMs;
    }
    assert.equal(leases.expiredAtMs, LEASE_GRACE_MS);
  });

  it("starts over when this process stood still: the others left us, not we them", () => {
    const leases = new Leases();
    leases.table.onLost("a", leases.nowMs);
    leases.nowMs += LEASE_MS * 3;
    assert.deepEqual(leases.table.onTick(leases.nowMs, 9), []);
    assert.deepEqual(leases.passes(LEASE_GRACE_MS - LEASE_TICK_MS, 9), []);
    assert.deepEqual(leases.passes(LEASE_TICK_MS, 9), ["a"]);
  });

  it("does not end while most nodes are lost, and starts over when they are back", () => {
    const leases = new Leases();
    for (const id of ["a", "b", "c"]) leases.table.onLost(id, leases.nowMs);
    assert.deepEqual(leases.passes(LEASE_MS * 10, 2), []);
    assert.equal(leases.table.isHeld, true);
    leases.table.onConnected("a");
    assert.deepEqual(leases.passes(LEASE_GRACE_MS - LEASE_TICK_MS, 3), []);
    assert.deepEqual(leases.passes(LEASE_TICK_MS * 2, 3), ["b", "c"]);
  });

  it("of the only node there is ends like any other", () => {
    const leases = new Leases();
    leases.table.onLost("a", leases.nowMs);
    assert.deepEqual(leases.passes(LEASE_MS, 0), ["a"]);
  });
});
