import assert from "node:assert/strict";

import type { Random } from "../../shared/random.ts";
import { chunksOf, pick } from "./faulty-upstream.ts";
import { turns, type ProxyFixture } from "./proxy-fixture.ts";
import { bodyOf, responseEnd, type RawClient } from "./raw-client.ts";

const PIPELINE_MAX = 4;
/** Resources that are asked for again and again have names from here on. */
export const POPULAR_FROM = 1_000_000;

/** What the clients do beyond plain requests. */
export interface Habits {
  readonly connectionsPerClient: number;
  readonly bodyBytesMax: number;
  /** Lines that a request may bring; one of them, drawn. */
  readonly lines: readonly string[];
  /** Share of the requests that are a GET of one of a few resources. */
  readonly popularShare: number;
}

const PLAIN: Habits = { connectionsPerClient: 10, bodyBytesMax: 3_000, lines: [""], popularShare: 0 };

export interface Sent {
  readonly id: string;
  readonly method: string;
  readonly text: string;
}

function request(random: Random, id: number, habits: Habits): Sent {
  const line = pick(random, habits.lines);
  if (random.unit() < habits.popularShare) {
    const popular = POPULAR_FROM + random.below(3);
    return { id: `${popular}`, method: "GET", text: `GET /${popular} HTTP/1.1\r\nHost: reviews\r\n${line}\r\n` };
  }
  const method = pick(random, ["GET", "GET", "POST", "PUT", "HEAD"]);
  const head = `${method} /${id} HTTP/1.1\r\nHost: reviews\r\n${line}`;
  if (method === "GET" || method === "HEAD") return { id: `${id}`, method, text: `${head}\r\n` };
  const body = "b".repeat(random.below(habits.bodyBytesMax));
  const text =
    random.unit() < 0.5
      ? `${head}content-length: ${body.length}\r\n\r\n${body}`
      : `${head}transfer-encoding: chunked\r\n\r\n${chunksOf(random, body)}0\r\n\r\n`;
  return { id: `${id}`, method, text };
}

/** Clients that pipeline, dribble and go away in the middle; each answer must be the one to its request. */
export class Story {
  answered = 0;
  cut = 0;
  readonly outcomes = new Map<string, string>();
  readonly #random: Random;
  readonly #proxy: ProxyFixture;
  readonly #habits: Habits;
  #nextId = 0;

  constructor(random: Random, proxy: ProxyFixture, habits: Partial<Habits> = {}) {
    this.#random = random;
    this.#proxy = proxy;
    this.#habits = { ...PLAIN, ...habits };
  }

  /** One client's connections, one after the other. Returns what it sent on them. */
  async client(): Promise<Sent[]> {
    const all: Sent[] = [];
    for (let connection = 0; connection < this.#habits.connectionsPerClient; connection += 1) {
      const client = await this.#proxy.connect();
      const sent = Array.from({ length: 1 + this.#random.below(PIPELINE_MAX) }, () =>
        request(this.#random, (this.#nextId += 1), this.#habits),
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
        do response = await answerOn(client, method);
        while (response.startsWith("HTTP/1.1 1"));
      } catch {
        this.cut += 1;
        return;
      }
      this.#check(id, response);
      if (/\r\nconnection: close\r\n/.test(response)) return;
    }
  }

  #check(id: string, response: string): void {
    if (Number(id) < POPULAR_FROM) assert.equal(this.outcomes.has(id), false, `request ${id} was answered twice`);
    const status = response.slice(9, 12);
    this.outcomes.set(id, status);
    this.answered += 1;
    if (response.includes("\r\nx-heddle-fallback: static\r\n")) return;
    const from = /\r\nx-id: (\S+)\r\n/.exec(response)?.[1];
    if (from === undefined) assert.match(response, /\r\nx-heddle-error: /, `request ${id}: ${response}`);
    else assert.equal(from, id, `request ${id} got the response to ${from}`);
    if (status === "200") assert.equal(bodyOf(response).replaceAll(`${id};`, ""), "", `request ${id}: foreign bytes`);
  }
}

/** The next answer; an error when the proxy has closed its side and none can come. */
async function answerOn(client: RawClient, method: string): Promise<string> {
  await client.until(() => client.isEnded || responseEnd(client.received, method, false) >= 0);
  assert.ok(responseEnd(client.received, method, client.isEnded) >= 0, "cut before an answer");
  return client.response(method);
}
