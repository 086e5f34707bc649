import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { SendBudget } from "../../../control-plane/xds/send-budget.ts";
import { SERVER_BUFFER_BYTES_MAX } from "../../../shared/limits.ts";

class Sender {
  pumped = 0;
  pump(): void {
    this.pumped += 1;
  }
}

describe("the bytes that wait on all streams together", () => {
  it("stop further streams at the bound, which go on in turn when there is room", () => {
    const budget = new SendBudget<Sender>();
    const [a, b, c] = [new Sender(), new Sender(), new Sender()];
    assert.equal(budget.admits(a), true);
    budget.onWritten(SERVER_BUFFER_BYTES_MAX);
    assert.equal(budget.admits(b), false);
    assert.equal(budget.admits(c), false);
    budget.onSent(1);
    assert.deepEqual([a.pumped, b.pumped, c.pumped], [0, 1, 1]);
    assert.equal(budget.admits(b), true);
  });

  it("are given back when a stream ends before it sent them, and nobody waits for it any more", () => {
    const budget = new SendBudget<Sender>();
    const [a, b] = [new Sender(), new Sender()];
    budget.onWritten(SERVER_BUFFER_BYTES_MAX);
    assert.equal(budget.admits(a), false);
    budget.onEnded(a, 0);
    assert.equal(budget.admits(b), false);
    budget.onEnded(new Sender(), SERVER_BUFFER_BYTES_MAX);
    assert.deepEqual([a.pumped, b.pumped], [0, 1]);
  });
});
