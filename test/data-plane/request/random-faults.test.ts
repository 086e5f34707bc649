import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";

import { WHEEL_TICK_MS } from "../../../shared/defaults.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";
import { BREAKER } from "../../support/policies.ts";
import {
  messageEnd,
  ProxyFixture,
  retryPolicy,
  scriptedUpstream,
  turns,
  type FixtureOptions,
} from "../../support/proxy-fixture.ts";
import { bodyOf, type RawClient } from "../../support/raw-client.ts";

/** What the upstream does with a request that has come whole (or, for `early`, with its head). */
/** A share of what is fine, so that connections live on and bad luck can hit a used one. */
const FINE_SHARE = 0.4;
const FAULTS = [
  "fine",
  "chunked",
  "until-close",
  "informational",
  "unavailable",
  "silent-close",
  "reset",
  "half-head",
  "half-body",
  "half-chunk",
  "reset-in-body",
  "stray",
  "garbage",
  "early",
  "quiet-close-after",
  "says-close",
] as const;
type Fault = (typeof FAULTS)[number];

const CLIENTS = 24;
const CONNECTIONS_PER_CLIENT = 10;
const PIPELINE_MAX = 4;

function pick<T>(random: Random, from: readonly T[]): T {
  const chosen = from[random.below(from.length)];
  assert.ok(chosen !== undefined);
  return chosen;
}

class FaultyUpstream {
  /** How often the upstream has seen each request whole. */
  readonly seen = new Map<string, number>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  serve(socket: Socket): void {
    let pending = "";
    let fault: Fault = "fine";
    // Before it had come whole: what is still to come of it is no other request.
    let isAnswered = false;
    socket.on("data", (bytes: Buffer) => {
      if (pending === "") fault = this.#random.unit() < FINE_SHARE ? "fine" : pick(this.#random, FAULTS);
      pending += bytes.toString("latin1");
      const end = messageEnd(pending);
      const isEarly = end < 0 && fault === "early" && !isAnswered && pending.includes("\r\n\r\n");
      if (end < 0 && !isEarly) return;
      const request = isEarly ? pending : pending.slice(0, end);
      if (!isEarly) pending = pending.slice(end);
      const wasAnswered = isAnswered;
      isAnswered = isEarly;
      if (wasAnswered) return;
      const id = idOf(request);
      this.seen.set(id, (this.seen.get(id) ?? 0) + 1);
      void this.#answer(socket, id, fault);
    });
    socket.on("end", () => socket.end());
  }

  async #answer(socket: Socket, id: string, fault: Fault): Promise<void> {
    await turns(this.#random.below(3));
    const body = `${id};`.repeat(1 + this.#random.below(400));
    const head = `HTTP/1.1 200 OK\r\nx-id: ${id}\r\n`;
    const whole = `${head}content-length: ${body.length}\r\n\r\n${body}`;
    switch (fault) {
      case "fine":
      case "early":
        return this.#dribble(socket, whole);
      case "chunked":
        return this.#dribble(
          socket,
          `${head}transfer-encoding: chunked\r\n\r\n${chunksOf(this.#random, body)}0\r\n\r\n`,
        );
      case "until-close":
        await this.#dribble(socket, `${head}\r\n${body}`);
        socket.end();
        return;
      case "informational":
        return this.#dribble(socket, `HTTP/1.1 103 Early Hints\r\nx-id: ${id}\r\n\r\n${whole}`);
      case "unavailable":
        return this.#dribble(socket, `HTTP/1.1 503 No\r\nx-id: ${id}\r\ncontent-length: 0\r\n\r\n`);
      case "silent-close":
        socket.end();
        return;
      case "reset":
        socket.resetAndDestroy();
        return;
      case "half-head":
        socket.end(whole.slice(0, 12));
        return;
      case "half-body":
        socket.end(whole.slice(0, -1));
        return;
      case "half-chunk":
        socket.end(`${head}transfer-encoding: chunked\r\n\r\nff\r\nshort`);
        return;
      case "reset-in-body":
        socket.write(whole.slice(0, -1), () => socket.resetAndDestroy());
        return;
      case "stray":
        return this.#dribble(socket, `${whole}HTTP/1.1 200 OK\r\nx-id: stray\r\ncontent-length: 5\r\n\r\nstray`);
      case "garbage":
        return this.#dribble(socket, `\u0000\u0001garbage ${id}\r\n\r\n`);
      case "quiet-close-after":
        await this.#dribble(socket, whole);
        socket.end();
        return;
      case "says-close":
        await this.#dribble(socket, whole.replace("\r\n", "\r\nconnection: close\r\n"));
        socket.end();
        return;
    }
  }

  /** In pieces, now and then with a turn of the event loop between them. */
  async #dribble(socket: Socket, text: string): Promise<void> {
    let at = 0;
    while (at < text.length && !socket.destroyed) {
      const size = this.#random.unit() < 0.7 ? text.length : 1 + this.#random.below(200);
      socket.write(text.slice(at, at + size), "latin1");
      at += size;
      if (at < text.length) await turns(1);
    }
  }
}

function idOf(request: string): string {
  return /^\w+ \/(\d+)/.exec(request)?.[1] ?? "none";
}

function chunksOf(random: Random, body: string): string {
  let text = "";
  for (let at = 0; at < body.length;) {
    const piece = body.slice(at, at + 1 + random.below(300));
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return text;
}

interface Sent {
  readonly id: string;
  readonly method: string;
  readonly text: string;
}

function request(random: Random, id: number): Sent {
  const method = pick(random, ["GET", "GET", "POST", "PUT", "HEAD"]);
  const head = `${method} /${id} HTTP/1.1\r\nHost: reviews\r\n`;
  if (method === "GET" || method === "HEAD") return { id: `${id}`, method, text: `${head}\r\n` };
  const body = "b".repeat(random.below(3_000));
  const text =
    random.unit() < 0.5
      ? `${head}content-length: ${body.length}\r\n\r\n${body}`
      : `${head}transfer-encoding: chunked\r\n\r\n${chunksOf(random, body)}0\r\n\r\n`;
  return { id: `${id}`, method, text };
}

class Story {
  answered = 0;
  cut = 0;
  readonly outcomes = new Map<string, string>();
  readonly #random: Random;
  readonly #proxy: ProxyFixture;
  #nextId = 0;

  constructor(random: Random, proxy: ProxyFixture) {
    this.#random = random;
    this.#proxy = proxy;
  }

  /** One client's connections, one after the other. Returns what it sent on them. */
  async client(): Promise<Sent[]> {
    const all: Sent[] = [];
    for (let connection = 0; connection < CONNECTIONS_PER_CLIENT; connection += 1) {
      const client = await this.#proxy.connect();
      const sent = Array.from({ length: 1 + this.#random.below(PIPELINE_MAX) }, () =>
        request(this.#random, (this.#nextId += 1)),
      );
      all.push(...sent);
      const isAborting = this.#random.unit() < 0.1;
      await this.#send(client, sent.map(({ text }) => text).join(""), isAborting);
      if (isAborting) client.socket.resetAndDestroy();
      else await this.#read(client, sent);
      client.destroy();
    }
    return all;
  }

  async #send(client: RawClient, text: string, isAborting: boolean): Promise<void> {
    const end = isAborting ? this.#random.below(text.length) : text.length;
    for (let at = 0; at < end && !client.isClosed;) {
      const size = this.#random.unit() < 0.5 ? end : 1 + this.#random.below(500);
      client.write(text.slice(at, Math.min(end, at + size)));
      at += size;
      if (at < end) await turns(1);
    }
  }

  async #read(client: RawClient, sent: readonly Sent[]): Promise<void> {
    for (const { id, method } of sent) {
      let response = "";
      try {
        do response = await client.response(method);
        while (response.startsWith("HTTP/1.1 1"));
      } catch {
        this.cut += 1;
        return;
      }
      assert.equal(this.outcomes.has(id), false, `request ${id} was answered twice`);
      const status = response.slice(9, 12);
      this.outcomes.set(id, status);
      this.answered += 1;
      const from = /\r\nx-id: (\S+)\r\n/.exec(response)?.[1];
      if (from === undefined) assert.match(response, /\r\nx-heddle-error: /, `request ${id}: ${response}`);
      else assert.equal(from, id, `request ${id} got the response to ${from}`);
      if (status === "200") assert.equal(bodyOf(response).replaceAll(`${id};`, ""), "", `request ${id}: foreign bytes`);
      if (/\r\nconnection: close\r\n/.test(response)) return;
    }
  }
}

/** Tight, so that every one of them refuses something, and hedges run beside tries. */
const PROTECTED: FixtureOptions = {
  retry: retryPolicy(2, { perTryTimeoutMs: WHEEL_TICK_MS, hedgeOnTryTimeout: true }),
  timeoutMs: 2_000,
  policies: {
    breaker: { ...BREAKER, consecutiveFailures: 4, recoveryMs: 20, recoveryMaxMs: 40, successes: 1 },
    retryBudget: { ratio: 0.1, minPerSec: 5, windowMs: 1_000 },
    adaptive: { concurrencyMin: 12, concurrencyMax: 50 },
    limits: { connections: 8, pending: 6, requests: 14, retries: 4 },
  },
};

const WORLDS: readonly (readonly [name: string, options: FixtureOptions])[] = [
  ["retries", { retry: retryPolicy(2), timeoutMs: 2_000 }],
  ["hedges, a breaker, a budget and limits", PROTECTED],
];

for (const [name, options] of WORLDS) {
  describe(`a proxy with ${name} between faulty upstreams and hasty clients`, () => {
    it("gives each request one outcome at most, and never the answer to another", async (t) => {
      const seed = Number(process.env["HEDDLE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
      t.diagnostic(`seed ${seed}`);
      const random = seededRandom(seed);
      const upstream = new FaultyUpstream(random);
      const ports = await Promise.all([0, 1, 2].map(() => scriptedUpstream(t, (socket) => upstream.serve(socket))));
      const proxy = await new ProxyFixture(ports, options).start(t);
      const story = new Story(random, proxy);
      const sent = (await Promise.all(Array.from({ length: CLIENTS }, () => story.client()))).flat();

      await proxy.until(() => proxy.listener.connections === 0, `all clients have left (seed ${seed})`);
      assert.equal(proxy.active, 0, `requests are still counted as active (seed ${seed})`);
      assert.equal(proxy.listener.inFlight, 0, `requests are still in flight (seed ${seed})`);
      const { requests, retries, pending, service } = proxy.clusterState;
      const underWay = [requests, retries, pending, service.adaptive].map(({ active }) => active);
      assert.deepEqual(underWay, [0, 0, 0, 0], `a permit was not given back (seed ${seed})`);
      for (const { pool } of proxy.endpoints) pool?.drain();
      assert.equal(proxy.clusterState.connections.active, 0, `connections are still counted (seed ${seed})`);
      assert.equal(proxy.upstreamConnections, 0, `connections are left (seed ${seed})`);
      assert.equal(proxy.wheel.size, 0, `deadlines are left (seed ${seed})`);

      const reported = new Map<string, number>();
      for (const { path } of proxy.sink.finished) reported.set(path, (reported.get(path) ?? 0) + 1);
      for (const { id, method } of sent) {
        const times = upstream.seen.get(id) ?? 0;
        if (method === "POST") assert.ok(times <= 1, `POST ${id} was seen ${times} times (seed ${seed})`);
        const reports = reported.get(`/${id}`) ?? 0;
        assert.ok(reports <= 1, `request ${id} was reported ${reports} times (seed ${seed})`);
        if (story.outcomes.has(id)) assert.equal(reports, 1, `request ${id} was not reported (seed ${seed})`);
      }
      assert.ok(
        story.answered > sent.length / 3,
        `only ${story.answered} of ${sent.length} were answered (seed ${seed})`,
      );
      assert.ok(story.cut > 0, `the faults had no effect (seed ${seed})`);
    });
  });
}
