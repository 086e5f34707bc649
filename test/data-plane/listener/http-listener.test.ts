import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { answering, ProxyFixture, scriptedUpstream } from "../../support/proxy-fixture.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-up: yes\r\n\r\nhello";

describe("a listener", () => {
  it("carries a GET to an endpoint and its answer back", async (t) => {
    const seen: string[] = [];
    const port = await scriptedUpstream(
      t,
      answering((request) => {
        seen.push(request);
        return OK;
      }),
    );
    const proxy = await new ProxyFixture([port]).start(t);
    const response = await proxy.send("GET /a?b=c HTTP/1.1\r\nHost: Reviews\r\nx-id: 1\r\nConnection: x-id\r\n\r\n");
    assert.equal(response, "HTTP/1.1 200 OK\r\nx-up: yes\r\ncontent-length: 5\r\n\r\nhello");
    assert.match(
      seen[0] ?? "",
      /^GET \/a\?b=c HTTP\/1\.1\r\nhost: reviews\r\nx-request-id: [0-9a-f-]{36}\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\r\nx-heddle-source: web\r\n\r\n$/,
    );
    const record = proxy.last();
    assert.equal(record.status, 200);
    assert.equal(record.flag, "");
    assert.equal(record.destination, "reviews");
    assert.equal(record.source, "web");
    assert.equal(record.endpoint, `127.0.0.1:${port}`);
    assert.equal(record.attempts, 1);
    assert.equal(record.bytesSent, 5);
    assert.equal(proxy.active, 0);
  });
});
