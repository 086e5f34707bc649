/**
 * Bodies that show a mix-up: the first bytes are the request's id, the rest a pattern that depends on the offset. Whoever
 * reads one compares all of it.
 */
export const ID_CHARS = 8;
const PERIOD = 64 * 1024;
/** A prime, so that a slip by any power of two shows. */
const LETTERS = 23;
const A = 97;

const pattern = Buffer.from(Array.from({ length: 2 * PERIOD }, (_, at) => A + ((at % PERIOD) % LETTERS)));

export function idText(id: number): string {
  return String(id).padStart(ID_CHARS, "0");
}

/** A whole body but its id: bytes `ID_CHARS` to `length` of the pattern. */
export function payloadAfterId(length: number): Buffer {
  const bytes = Buffer.alloc(length - ID_CHARS);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = pattern[(at + ID_CHARS) % PERIOD] ?? 0;
  return bytes;
}

/** Compares a body that arrives in pieces. */
export class PayloadCheck {
  #id = "";
  #length = 0;
  received = 0;
  isSound = true;

  begin(id: string, length: number): void {
    this.#id = id;
    this.#length = length;
    this.received = 0;
    this.isSound = true;
  }

  get isWhole(): boolean {
    return this.isSound && this.received === this.#length;
  }

  // Hot: once per piece. Compares with memcmp but for the id.
  readonly take = (bytes: Buffer, from: number, to: number): void => {
    let at = from;
    while (at < to && this.received < ID_CHARS) {
      if (bytes[at] !== this.#id.charCodeAt(this.received)) this.isSound = false;
      at += 1;
      this.received += 1;
    }
    while (at < to) {
      const start = this.received % PERIOD;
      const end = Math.min(to, at + PERIOD);
      if (bytes.compare(pattern, start, start + end - at, at, end) !== 0) this.isSound = false;
      this.received += end - at;
      at = end;
    }
  };
}
