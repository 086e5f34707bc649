import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { packageRoot } from "../../../shared/package-root.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** Gives lines to a `heddle node` of its own, and what it answered when its stdin has ended. */
async function answers(
  lines: readonly string[],
  args: readonly string[] = [],
): Promise<readonly Record<string, unknown>[]> {
  const child = spawn(process.execPath, [join(packageRoot, "cli/heddle.mjs"), "node", ...args]);
  let out = "";
  let words = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (words += text));
  child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.deepEqual({ code, words }, { code: 0, words: "" });
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TWO_INSTANCES = [
  { host: "10.0.1.1", port: 8080 },
  { host: "10.0.1.2", port: 8080 },
];

describe("heddle node, by the examples of seeds 000 and 001", () => {
  it("F0.3: proxies a call", async () => {
    const [reply] = await answers(['{ "type": "call", "msg_id": 1, "path": "/api/users/123", "proxy": true }']);
    const { trace_id: traceId, ...rest } = reply ?? {};
    assert.deepEqual(rest, { type: "proxied", in_reply_to: 1, proxied_by: "sidecar-a" });
    assert.match(String(traceId), UUID);
  });

  it("F0.4: discovers the healthy instances, in order", async () => {
    const replies = await answers(['{ "type": "discover", "msg_id": 2, "service": "service-b" }']);
    assert.deepEqual(replies, [{ type: "discovered", in_reply_to: 2, service: "service-b", instances: TWO_INSTANCES }]);
  });

  it("F0.5: opens the breaker on the fifth failure, so that the sixth attempt is refused", async () => {
    const replies = await answers(['{ "type": "call", "msg_id": 3, "force_failures": 6, "circuit_breaker": true }']);
    assert.deepEqual(replies, [
      { type: "circuit_breaker_open", in_reply_to: 3, service: "service-b", reason: "Too many failures" },
    ]);
  });

  it("F0.7: takes the envelope, with proxy beside the body", async () => {
    const [reply] = await answers([
      '{"src":"service-a","dest":"service-b","body":{"type":"call","msg_id":1,"path":"/api/users/123"},"proxy":true}',
    ]);
    assert.deepEqual(Object.keys(reply ?? {}), ["type", "in_reply_to", "proxied_by", "trace_id"]);
    assert.equal(reply?.["proxied_by"], "sidecar-a");
  });

  it("F0.8: answers the envelope to the registry", async () => {
    const replies = await answers([
      '{"src":"sidecar","dest":"registry","body":{"type":"discover","msg_id":1,"service":"service-b"}}',
    ]);
    assert.deepEqual(replies, [{ type: "discovered", in_reply_to: 1, service: "service-b", instances: TWO_INSTANCES }]);
  });

  it("names the sidecar after the caller, and gives each call a trace of its own", async () => {
    const call = '{"src":"service-x","dest":"service-b","body":{"type":"call","msg_id":1}}';
    const [one, two] = await answers([call, call]);
    assert.equal(one?.["proxied_by"], "sidecar-x");
    assert.notEqual(one?.["trace_id"], two?.["trace_id"]);
  });
});

describe("heddle node beyond the examples", () => {
  it("takes its registry and policies from the files of a mesh, and only healthy instances", async (t) => {
    const file = join(tempFolder(t), "mesh.yaml");
    const endpoint = "kind: ServiceEndpoint, service_name: cart, port: 80";
    const documents = [
      `{${endpoint}, pod_ip: 10.0.0.9}`,
      `{${endpoint}, pod_ip: 10.0.0.1, healthy: false}`,
      `{${endpoint}, pod_ip: "::1"}`,
      "{kind: ServicePolicy, service_name: cart, cb_consecutive_failures: 2}",
    ];
    writeFileSync(file, documents.join("\n---\n"));
    const [discovered, open] = await answers(
      [
        '{"type":"discover","msg_id":1,"service":"cart"}',
        '{"type":"call","msg_id":2,"service":"cart","force_failures":3,"base_ms":0}',
      ],
      ["-f", file],
    );
    assert.deepEqual(discovered?.["instances"], [
      { host: "10.0.0.9", port: 80 },
      { host: "::1", port: 80 },
    ]);
    assert.equal(open?.["type"], "circuit_breaker_open");
  });

  it("answers every line that is no message with an error, and goes on", async () => {
    const replies = await answers([
      "not json",
      "[1]",
      "null",
      '{"msg_id": 4}',
      '{"type": "sing", "msg_id": 5}',
      '{"type": "discover", "msg_id": 6}',
      '{"type": "call", "msg_id": 7, "force_failures": -1, "circuit_breaker": "yes"}',
      '{"body": 3}',
      '{"type": "discover", "msg_id": 8, "service": "nobody"}',
    ]);
    assert.deepEqual(
      replies.map(({ type, in_reply_to: id }) => [type, id]),
      [...[null, null, null, 4, 5, 6, 7, null].map((id) => ["error", id]), ["discovered", 8]],
    );
    const said = replies[6]?.["text"];
    assert.equal(
      said,
      'force_failures must be a whole number of 0-1000000 (got -1); circuit_breaker must be true or false (got "yes")',
    );
    assert.deepEqual(replies[8]?.["instances"], []);
  });

  it("drops a line that is too long as it comes", async () => {
    const replies = await answers([`{"type": "call", "x": "${"y".repeat(1_200_000)}"}`, '{"type":"call","msg_id":2}']);
    assert.match(String(replies[0]?.["text"]), /at most 1048576 characters/);
    assert.equal(replies[1]?.["type"], "proxied");
  });

  it("retries what fails less often than the breaker bears, and says how often", async () => {
    const [reply] = await answers(['{"type":"call","msg_id":1,"force_failures":2,"base_ms":1}']);
    assert.equal(reply?.["type"], "proxied");
    assert.equal(reply?.["attempts"], 3);
  });

  it("remembers across messages: the breaker stays open, for its service alone", async () => {
    const replies = await answers([
      '{"type":"call","msg_id":1,"force_failures":6,"base_ms":0}',
      '{"type":"call","msg_id":2}',
      '{"type":"call","msg_id":3,"service":"service-c"}',
    ]);
    assert.deepEqual(
      replies.map(({ type }) => type),
      ["circuit_breaker_open", "circuit_breaker_open", "proxied"],
    );
  });

  it("without the breaker gives up after the policy's attempts", async () => {
    const replies = await answers([
      '{"type":"call","msg_id":1,"force_failures":9,"circuit_breaker":false,"base_ms":0}',
    ]);
    assert.deepEqual(replies, [
      { type: "call_failed", in_reply_to: 1, service: "service-b", attempts: 3, reason: "Retries exhausted" },
    ]);
  });

  it("continues the caller's trace", async () => {
    const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const [reply] = await answers([`{"type":"call","msg_id":1,"traceparent":"${parent}"}`]);
    assert.equal(reply?.["trace_id"], "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
  });

  it("lets a call that is not for it pass as it came (F1.9)", async () => {
    const message = { type: "call", msg_id: 1, proxy: false, path: "/x" };
    assert.deepEqual(await answers([JSON.stringify(message)]), [message]);
  });
});
