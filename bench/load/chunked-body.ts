const CR = 13;
const LF = 10;
const SEMICOLON = 59;

export type OnPayload = (bytes: Buffer, from: number, to: number) => void;

/** The chunks of a body as text: size lines before and after `pieces` of at most `chunkBytes`, then the end. */
export function chunked(pieces: readonly Buffer[], chunkBytes: number): Buffer {
  const parts: Buffer[] = [];
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += chunkBytes) {
      const chunk = piece.subarray(at, at + chunkBytes);
      parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
    }
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** Reads a chunked body without trailers, in whatever pieces it comes. Throws on anything else. */
export class ChunkedBody {
  #state: "size" | "extension" | "data" | "data-end" | "end" = "size";
  /** Of the chunk; in the ends, how many bytes of CR LF are still to come. */
  #remaining = 0;
  isDone = false;

  begin(): void {
    this.#state = "size";
    this.#remaining = 0;
    this.isDone = false;
  }

  /** Returns the offset of the first byte that does not belong to the body any more. */
  read(bytes: Buffer, from: number, onPayload: OnPayload): number {
    let at = from;
    while (at < bytes.length && !this.isDone) {
      if (this.#state === "data") {
        const to = Math.min(bytes.length, at + this.#remaining);
        onPayload(bytes, at, to);
        this.#remaining -= to - at;
        at = to;
        if (this.#remaining === 0) this.#expectLineEnd("data-end");
      } else {
        this.#onByte(bytes[at] ?? 0);
        at += 1;
      }
    }
    return at;
  }

  #onByte(byte: number): void {
    if (this.#state === "data-end" || this.#state === "end") return this.#onLineEnd(byte);
    if (byte === LF) {
      if (this.#remaining === 0) this.#expectLineEnd("end");
      else this.#state = "data";
    } else if (byte === SEMICOLON) this.#state = "extension";
    else if (this.#state === "size" && byte !== CR) this.#remaining = this.#remaining * 16 + hexValue(byte);
  }

  #expectLineEnd(state: "data-end" | "end"): void {
    this.#state = state;
    this.#remaining = 2;
  }

  #onLineEnd(byte: number): void {
    if (byte !== (this.#remaining === 2 ? CR : LF)) throw new Error("a chunk does not end where its size says");
    this.#remaining -= 1;
    if (this.#remaining > 0) return;
    if (this.#state === "end") this.isDone = true;
    else this.#state = "size";
  }
}

function hexValue(byte: number): number {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  if (Number.isNaN(value)) throw new Error(`a chunk size has the byte ${byte}`);
  return value;
}
