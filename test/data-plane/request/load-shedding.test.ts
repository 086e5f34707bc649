import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";

import { LoadShedder } from "../../../data-plane/policy/load-shedder.ts";
import { ProxyFixture, scriptedUpstream } from "../../support/proxy-fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

describe("a proxy with as many requests under way as it may have", () => {
  it("refuses the next at once with 503 OM, keeps its connection, and serves it when one has finished", async (t) => {
    const waiting: Socket[] = [];
    const port = await scriptedUpstream(t, (socket) => socket.on("data", () => void waiting.push(socket)));
    const shedder = new LoadShedder(1, 50);
    const proxy = await new ProxyFixture([port], { listener: { shedder } }).start(t);
    const first = await proxy.connect();
    first.write(GET);
    await proxy.until(() => waiting.length === 1, "the first request is with the service");
    const second = await proxy.connect();
    second.write(GET);
    assert.match(
      await second.response(),
      /^HTTP\/1\.1 503 .*x-heddle-error: load-shed\r\nretry-after: 1\r\nx-heddle-overloaded: true\r\n/s,
    );
    assert.equal(proxy.last().flag, "OM");
    waiting[0]?.write(OK);
    assert.match(await first.response(), /^HTTP\/1\.1 200 /);
    second.write(GET);
    await proxy.until(() => waiting.length === 2, "the second connection's request is with the service");
    waiting[1]?.write(OK);
    assert.match(await second.response(), /^HTTP\/1\.1 200 /);
    assert.equal(shedder.inFlight, 0);
  });
});
