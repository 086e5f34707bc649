/** HTTP/2 frames made by hand (RFC 9113, 4.1), for peers that no client library would play. */

export const FRAME = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, goAway: 7, continuation: 9 };
export const FLAG = { endStream: 1, endHeaders: 4 };
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export interface Frame {
  readonly type: number;
  readonly flags?: number;
  readonly stream?: number;
  readonly payload?: Buffer;
}

export function frameBytes({ type, flags = 0, stream = 0, payload = Buffer.alloc(0) }: Frame): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block of literals without indexing and without Huffman (RFC 7541, 6.2.2). Short names and values only. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat(Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** The preface, empty settings, and the head of a gRPC call on stream 1. */
export function openingBytes(path: string): Buffer {
  const headers = { ":method": "POST", ":scheme": "http", ":path": path, "content-type": "application/grpc" };
  return Buffer.concat([
    PREFACE,
    frameBytes({ type: FRAME.settings }),
    frameBytes({ type: FRAME.headers, flags: FLAG.endHeaders, stream: 1, payload: headerBlock(headers) }),
  ]);
}
