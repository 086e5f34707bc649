import assert from "node:assert/strict";
import { Socket } from "node:net";
import { describe, it } from "node:test";

import { MessageWriter } from "../../../data-plane/socket/message-writer.ts";

/** Counts what reaches the system: one entry per write or vector of writes. */
class CountingSocket extends Socket {
  readonly writes: Buffer[] = [];
  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    this.writes.push(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
    done();
  }
  override _writev(chunks: { chunk: Buffer | string; encoding: BufferEncoding }[], done: () => void): void {
    const parts = chunks.map(({ chunk, encoding }) =>
      typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk,
    );
    this.writes.push(Buffer.concat(parts));
    done();
  }
}

/** Looks at what it was given only when it is told to finish, as the system does with a full socket. */
class SlowSocket extends Socket {
  readonly written: string[] = [];
  #done: (() => void) | undefined = undefined;
  #held: Buffer[] = [];
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#held = [chunk];
    this.#done = done;
  }
  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#held = chunks.map(({ chunk }) => chunk);
    this.#done = done;
  }
  finish(): void {
    while (this.#done !== undefined) {
      const done = this.#done;
      this.#done = undefined;
      for (const chunk of this.#held) this.written.push(chunk.toString("latin1"));
      done();
    }
  }
}

describe("a message writer", () => {
  it("writes a head and a small body at once", () => {
    const socket = new CountingSocket();
    const writer = new MessageWriter(socket);
    writer.text("head\r\n\r\n");
    writer.bytes(Buffer.from("xbodyx"), 1, 5);
    assert.equal(socket.writes.length, 0);
    assert.equal(writer.flush(), true);
    assert.deepEqual(socket.writes.map(String), ["head\r\n\r\nbody"]);
    assert.equal(writer.bytesWritten, 12);
  });

  it("keeps the order and the bytes of large and small parts, in one vector", () => {
    const socket = new CountingSocket();
    const writer = new MessageWriter(socket);
    const large = Buffer.from(Array.from({ length: 20_000 }, (_, i) => i & 255));
    const expected = Buffer.concat([Buffer.from("a"), large, Buffer.from("\r\n"), large, Buffer.from([255, 0])]);
    writer.text("a");
    writer.bytes(large, 0, large.length);
    writer.text("\r\n");
    writer.ownBytes(large);
    writer.bytes(Buffer.from([255, 0]), 0, 2);
    writer.flush();
    assert.equal(socket.writes.length, 1);
    assert.ok(socket.writes[0]?.equals(expected));
  });

  it("has copied what may change after the call", () => {
    const socket = new CountingSocket();
    const writer = new MessageWriter(socket);
    const small = Buffer.from("small");
    const large = Buffer.alloc(20_000, "l");
    writer.bytes(small, 0, small.length);
    writer.bytes(large, 0, large.length);
    small.fill("x");
    large.fill("x");
    writer.flush();
    assert.equal(socket.writes[0]?.includes("x"), false);
  });

  it("writes nothing before it is told to, but lets the socket count what is gathered", () => {
    const socket = new CountingSocket();
    const writer = new MessageWriter(socket);
    const part = Buffer.alloc(8_000, "p");
    for (let i = 0; i < 100; i += 1) writer.bytes(part, 0, part.length);
    assert.equal(socket.writes.length, 0);
    assert.equal(writer.hasRoom, false);
    writer.flush();
    assert.equal(Buffer.concat(socket.writes).length, 800_000);
  });

  it("never writes again into what the socket has not written yet", () => {
    const slow = new SlowSocket();
    const writer = new MessageWriter(slow);
    const fast = new MessageWriter(new CountingSocket());
    const source = Buffer.alloc(20_000);
    const expected: string[] = [];
    for (const letter of "abcdefgh") {
      source.fill(letter);
      expected.push(letter.repeat(source.length));
      writer.bytes(source, 0, source.length);
      writer.flush();
      // Another connection, whose copies come back at once, takes whatever is spare.
      source.fill("#");
      fast.bytes(source, 0, source.length);
      fast.flush();
    }
    slow.finish();
    assert.equal(slow.written.join(""), expected.join(""));
    writer.reclaim();
  });
});
