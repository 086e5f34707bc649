import assert from "node:assert/strict";
import { Socket } from "node:net";
import { describe, it } from "node:test";

import fc from "fast-check";

import { MessageWriter } from "../../../data-plane/socket/message-writer.ts";

/** Counts what reaches the system: one entry per write or vector of writes. */
class CountingSocket extends Socket {
  readonly writes: Buffer[] = [];
  vectors = 0;
  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    // A copy: the writer uses its buffers again.
    this.writes.push(typeof chunk === "string" ? Buffer.from(chunk, encoding) : Buffer.from(chunk));
    done();
  }
  override _writev(chunks: { chunk: Buffer | string; encoding: BufferEncoding }[], done: () => void): void {
    const parts = chunks.map(({ chunk, encoding }) =>
      typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk,
    );
    this.vectors += 1;
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
    writer.bytes(large, 0, large.length);
    writer.bytes(Buffer.from([255, 0]), 0, 2);
    writer.flush();
    assert.equal(socket.writes.length, 1);
    assert.ok(socket.writes[0]?.equals(expected));
  });

  it("gives a chunk with the lines around it to the socket in one piece", () => {
    const socket = new CountingSocket();
    const writer = new MessageWriter(socket);
    const half = Buffer.alloc(30_000, "h");
    for (const line of ["head\r\n\r\n7530\r\n", "\r\n7530\r\n"]) {
      writer.text(line);
      writer.bytes(half, 0, half.length);
    }
    writer.text("\r\n");
    writer.flush();
    assert.equal(socket.vectors, 0);
    assert.deepEqual(socket.writes.map(String), [`head\r\n\r\n7530\r\n${String(half)}\r\n7530\r\n${String(half)}\r\n`]);
  });

  it("keeps order and bytes of parts of any size", () => {
    const part = fc.record({
      kind: fc.constantFrom("text", "bytes", "flush"),
      length: fc.oneof(fc.nat(20), fc.nat(20_000), fc.nat(140_000)),
    });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const socket = new CountingSocket();
        const writer = new MessageWriter(socket);
        const expected: Buffer[] = [];
        for (const [index, { kind, length }] of parts.entries()) {
          const bytes = Buffer.alloc(length, String.fromCharCode(200 + index), "latin1");
          if (kind === "flush") writer.flush();
          else expected.push(Buffer.from(bytes));
          if (kind === "text") writer.text(bytes.toString("latin1"));
          else if (kind === "bytes") {
            writer.bytes(bytes, 0, length);
            bytes.fill(0);
          }
        }
        writer.flush();
        assert.ok(Buffer.concat(socket.writes).equals(Buffer.concat(expected)));
        assert.equal(writer.bytesWritten, Buffer.concat(expected).length);
        assert.equal(writer.isFlushed, true);
      }),
    );
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
