import assert from "node:assert/strict";
import type { Socket } from "node:net";

import type { Random } from "../../shared/random.ts";
import { messageEnd, turns } from "./proxy-fixture.ts";

/** A share of what is fine, so that connections live on and bad luck can hit a used one. */
const FINE_SHARE = 0.4;
/** What the upstream does with a request that has come whole (or, for `early`, with its head). */
export const FAULTS = [
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
/** Only where somebody loses patience. */
export const SILENT = "silent";
export type Fault = (typeof FAULTS)[number] | typeof SILENT;

export function pick<T>(random: Random, from: readonly T[]): T {
  const chosen = from[random.below(from.length)];
  assert.ok(chosen !== undefined);
  return chosen;
}

/** Does one of the above with each request, in pieces; its answers name the request they are for. */
export class FaultyUpstream {
  /** How often the upstream has seen each request whole. */
  readonly seen = new Map<string, number>();
  readonly #random: Random;
  readonly #faults: readonly Fault[];

  constructor(random: Random, faults: readonly Fault[] = FAULTS) {
    this.#random = random;
    this.#faults = faults;
  }

  serve(socket: Socket): void {
    let pending = "";
    let fault: Fault = "fine";
    let isAnswered = false;
    const answer = (request: string): void => {
      isAnswered = true;
      const id = idOf(request);
      this.seen.set(id, (this.seen.get(id) ?? 0) + 1);
      void this.#answer(socket, id, fault);
    };
    socket.on("data", (bytes: Buffer) => {
      if (pending === "") {
        fault = this.#random.unit() < FINE_SHARE ? "fine" : pick(this.#random, this.#faults);
        isAnswered = false;
      }
      pending += bytes.toString("latin1");
      const end = messageEnd(pending);
      if (!isAnswered && (end >= 0 || (fault === "early" && pending.includes("\r\n\r\n")))) answer(pending);
      if (end >= 0) pending = pending.slice(end);
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
      case "silent":
        return;
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

export function chunksOf(random: Random, body: string): string {
  let text = "";
  for (let at = 0; at < body.length;) {
    const piece = body.slice(at, at + 1 + random.below(300));
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return text;
}
