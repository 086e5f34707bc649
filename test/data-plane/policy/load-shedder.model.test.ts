import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Rest, type RestHome } from "../../../data-plane/listener/rest.ts";
import { LoadShedder } from "../../../data-plane/policy/load-shedder.ts";
import { seededRandom } from "../../../shared/random.ts";
import { TimerWheel } from "../../../shared/timer-wheel.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const PERIOD_MS = 50;
const REQUEST = Buffer.from("GET");
/** In answers: what it takes to read a request, and to refuse it. */
const READ_COST = 0.2;
const ANSWER_COST = 0.8;
const REFUSAL_COST = 0.4;
/** libuv: so many events at once, and with as many it goes on so often before it looks at its timers. */
const EVENTS_AT_ONCE = 1_024;
const POLLS = 48;
/** In the first ones thousands are refused at once. */
const SETTLING_SEC = 12;

interface Client {
  readonly rest: Rest;
  answers: number;
}

/** Clients that call again as soon as they are told anything, and a proxy in front of a service that is quick. */
class World {
  answered = 0;
  refused = 0;
  /** Of those who had waited. */
  refusedLate = 0;
  /** Answers that there was time for. */
  possible = 0;
  readonly #clock = new ManualClock();
  readonly #wheel = new TimerWheel(this.#clock);
  readonly #shedder = new LoadShedder(Infinity, PERIOD_MS);
  readonly #random: { unit(): number };
  readonly #speedAt: (sec: number) => number;
  /** Who is refused is kept away, and others in line. */
  readonly #areKept: boolean;
  readonly #clients: Client[];
  /** Have called and were not read; are being served. */
  #calling: Client[];
  #serving: Client[] = [];
  #idleMs = 0;
  #turnMs = 0;

  constructor(seed: number, clients: number, speedAt: (sec: number) => number, areKept = true) {
    this.#random = seededRandom(seed);
    this.#speedAt = speedAt;
    this.#areKept = areKept;
    const services = {
      shedder: this.#shedder,
      clock: this.#clock,
      wheel: this.#wheel,
    };
    const home: RestHome = { inFlight: 0, services };
    this.#clients = Array.from({ length: clients }, () => this.#client(home));
    this.#calling = [...this.#clients];
  }

  get neverAnswered(): number {
    return this.#clients.filter(({ answers }) => answers === 0).length;
  }

  run(seconds: number): void {
    const endMs = this.#clock.now + 1_000 * seconds;
    while (this.#clock.now < endMs) {
      for (let poll = 0; poll < POLLS && this.#poll() >= EVENTS_AT_ONCE; poll += 1);
      this.#wheel.advance();
      if (this.#clock.now >= this.#turnMs + PERIOD_MS) {
        this.#turnMs = this.#clock.now;
        this.#shedder.onTurn(this.#clock.now, this.#idleMs);
      }
    }
  }

  #client(home: RestHome): Client {
    const rest = new Rest({ onRestOver: () => this.#start(client) }, home, { keep: () => undefined });
    const client = { rest, answers: 0 };
    return client;
  }

  /** Returns how many events there were. Without any a tick of the clock passes. */
  #poll(): number {
    const calling = this.#calling.splice(0, EVENTS_AT_ONCE);
    const serving = this.#serving.splice(0, EVENTS_AT_ONCE - calling.length);
    for (const client of calling) {
      this.#spend(READ_COST);
      if (!this.#areKept || !client.rest.takes(REQUEST)) this.#start(client);
    }
    for (const client of serving) {
      this.#spend(ANSWER_COST);
      this.answered += 1;
      client.answers += 1;
      this.#calling.push(client);
      if (this.#shedder.release()) this.#shedder.letIn();
    }
    const events = calling.length + serving.length;
    if (events === 0) {
      this.#idleMs += 10;
      this.#pass(10);
    }
    return events;
  }

  #start(client: Client): void {
    const nowMs = this.#clock.nowMs();
    const { rest } = client;
    const hasRested = rest.restedMs > 0;
    rest.restedMs = 0;
    const isAdmitted = this.#shedder.admit(hasRested, this.#random.unit(), nowMs);
    if (isAdmitted) this.#serving.push(client);
    else {
      this.#spend(REFUSAL_COST);
      this.refused += 1;
      if (hasRested) this.refusedLate += 1;
      rest.stayAway(this.#shedder.restMs(nowMs));
      this.#calling.push(client);
    }
  }

  #spend(answers: number): void {
    this.#pass((1_000 * answers) / this.#speedAt(this.#clock.now / 1_000));
  }

  #pass(ms: number): void {
    this.possible += (ms / 1_000) * this.#speedAt(this.#clock.now / 1_000);
    this.#clock.now += ms;
  }
}

/** What was answered of what there was time for, between the first seconds and the end. */
function goodput(world: World): number {
  world.run(SETTLING_SEC);
  const { answered, possible } = world;
  world.run(20);
  return (world.answered - answered) / (world.possible - possible);
}

describe("a proxy with a crowd before it that never stops calling", () => {
  it("answers nearly as many as it has time for, however fast it is, and everybody in turn", () => {
    const seed = Date.now() % 1_000_000;
    console.log(`seed ${seed}`);
    for (let round = 0; round < 30; round += 1) {
      const random = seededRandom(seed + round);
      const clients = 100 + Math.floor(9_900 * random.unit());
      // So long would each wait if nobody were refused.
      const speed = clients / (0.5 + 2.5 * random.unit());
      const slow = speed * (0.4 + 0.6 * random.unit());
      const world = new World(seed + round, clients, (sec) => (sec % 8 < 4 ? speed : slow));
      const share = goodput(world);
      const what = `${clients} clients, ${speed.toFixed(0)} or ${slow.toFixed(0)} a second`;
      assert.ok(share > 0.75, `${what}: ${share}`);
      assert.deepEqual([world.neverAnswered, world.refusedLate], [0, 0], what);
    }
  });

  it("still answers more than half when each would have to wait for five to sixteen seconds", () => {
    const world = new World(1, 8_000, (sec) => (sec % 8 < 4 ? 1_500 : 500));
    const share = goodput(world);
    assert.ok(share > 0.5, `${share}`);
    assert.deepEqual([world.neverAnswered, world.refusedLate], [0, 0]);
  });

  it("would answer hardly anybody if it read those at once whom it has refused", () => {
    const world = new World(1, 8_000, () => 3_000, false);
    assert.ok(goodput(world) < 0.2);
  });
});
