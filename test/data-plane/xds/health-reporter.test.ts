import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { HealthReporter } from "../../../data-plane/xds/health-reporter.ts";
import type { AppHealth } from "../../../data-plane/upstream/app-check.ts";
import { seededRandom } from "../../../shared/random.ts";
import { turns } from "../../support/proxy-fixture.ts";

const PASSING: AppHealth = { health: "passing", detail: "answered 200" };
const FAILING: AppHealth = { health: "failing", detail: "answered 500" };

/** A reporter whose calls a test answers, and whose waits it ends. */
class Bench {
  readonly sent: string[] = [];
  readonly #answers: ((refusal: string | undefined) => void)[] = [];
  #waiting: (() => void) | undefined = undefined;
  readonly reporter = new HealthReporter({
    send: ({ health }) => {
      this.sent.push(health);
      return new Promise((resolve) => this.#answers.push(resolve));
    },
    timers: {
      after: (_delayMs, task) => {
        this.#waiting = task;
        return { cancel: () => (this.#waiting = undefined) };
      },
      every: () => ({ cancel: () => {} }),
    },
    random: seededRandom(1),
  });

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  async answer(refusal?: string): Promise<void> {
    this.#answers.shift()?.(refusal);
    await turns(1);
  }

  wake(): void {
    const task = this.#waiting;
    this.#waiting = undefined;
    task?.();
  }
}

describe("a report to the control plane", () => {
  it("waits for a connection", () => {
    const bench = new Bench();
    bench.reporter.report(PASSING);
    assert.deepEqual(bench.sent, []);
    bench.reporter.onConnected();
    assert.deepEqual(bench.sent, ["passing"]);
  });

  it("is sent again after a refusal and a wait", async () => {
    const bench = new Bench();
    bench.reporter.report(PASSING);
    bench.reporter.onConnected();
    await bench.answer("no endpoint is registered");
    assert.deepEqual([bench.sent, bench.isWaiting], [["passing"], true]);
    bench.wake();
    await bench.answer();
    bench.wake();
    assert.deepEqual(bench.sent, ["passing", "passing"]);
  });

  it("is the newest word, one call at a time", async () => {
    const bench = new Bench();
    bench.reporter.onConnected();
    for (const word of [PASSING, FAILING, PASSING, FAILING]) bench.reporter.report(word);
    assert.deepEqual(bench.sent, ["passing"]);
    await bench.answer();
    assert.deepEqual(bench.sent, ["passing", "failing"]);
    await bench.answer();
    assert.deepEqual(bench.sent, ["passing", "failing"]);
  });

  it("is made anew after a reconnect, and never without a word", async () => {
    const bench = new Bench();
    bench.reporter.onConnected();
    assert.deepEqual(bench.sent, []);
    bench.reporter.report(FAILING);
    await bench.answer();
    bench.reporter.onDisconnected();
    bench.reporter.onConnected();
    assert.deepEqual(bench.sent, ["failing", "failing"]);
    bench.reporter.onDisconnected();
    await bench.answer("gone");
    assert.equal(bench.isWaiting, false, "nothing is tried while there is nobody");
  });
});
