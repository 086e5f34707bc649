import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";

import { readDirectly } from "../../../data-plane/socket/direct-reads.ts";

async function socketPair(t: TestContext): Promise<[client: Socket, accepted: Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = (await once(server, "connection")) as [Socket];
  t.after(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });
  return [client, accepted];
}

const MIB = Buffer.from(Array.from({ length: 1 << 20 }, (_, index) => (index * 31 + (index >> 8)) & 0xff));

test("everything that is sent is taken, in order, and then the end is told", async (t) => {
  const [client, accepted] = await socketPair(t);
  const taken: Buffer[] = [];
  readDirectly(accepted, (bytes) => taken.push(bytes) === 0);
  client.end(MIB);
  await once(accepted, "end");
  assert.ok(Buffer.concat(taken).equals(MIB));
});

test("a reader that pauses after each chunk loses nothing, and nothing comes while it is paused", async (t) => {
  const [client, accepted] = await socketPair(t);
  const taken: Buffer[] = [];
  let isPaused = false;
  readDirectly(accepted, (bytes) => {
    assert.equal(isPaused, false);
    taken.push(bytes);
    isPaused = true;
    accepted.pause();
    setImmediate(() => {
      isPaused = false;
      accepted.resume();
    });
    return false;
  });
  client.end(MIB);
  await once(accepted, "end");
  assert.ok(Buffer.concat(taken).equals(MIB));
});

test("a paused socket stops reading: the sender's kernel buffers fill", async (t) => {
  const [client, accepted] = await socketPair(t);
  const first = Promise.withResolvers<void>();
  let chunks = 0;
  readDirectly(accepted, () => {
    chunks += 1;
    accepted.pause();
    first.resolve();
    return false;
  });
  client.end(Buffer.concat(Array.from({ length: 32 }, () => MIB)));
  await first.promise;
  while (accepted.readableLength < accepted.readableHighWaterMark) await new Promise(setImmediate);
  assert.ok(accepted.bytesRead < 16 * MIB.length);
  assert.equal(chunks, 1);
});

test("what nobody keeps is given back at once, and what follows is not harmed", async (t) => {
  const [client, accepted] = await socketPair(t);
  const copies: Buffer[] = [];
  const seen: Buffer[] = [];
  readDirectly(accepted, (bytes) => {
    copies.push(Buffer.from(bytes));
    seen.push(bytes);
    return true;
  });
  client.end(MIB);
  await once(accepted, "end");
  assert.ok(Buffer.concat(copies).equals(MIB));
  assert.ok(seen.some((bytes) => bytes.length === 0));
  assert.ok(seen.every((bytes) => bytes.length < 8 * 1024));
});
