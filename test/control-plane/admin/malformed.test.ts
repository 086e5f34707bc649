import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import { describe, it } from "node:test";

import { status } from "@grpc/grpc-js";
import fc from "fast-check";

import { isSameContent } from "../../../control-plane/catalog/apply-changes.ts";
import { KINDS, type Row } from "../../../control-plane/catalog/catalog.ts";
import { rowFromDocument } from "../../../control-plane/catalog/document.ts";
import { describeKey, keyOf } from "../../../control-plane/catalog/row-key.ts";
import { rowsOf } from "../../../control-plane/catalog/rows.ts";
import { caseOfKind, messageFromRow } from "../../../control-plane/admin/row-wire.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";
import { ApplyBundleRequest, Resource } from "../../../shared/wire/admin-api.ts";
import { openAdminPort } from "../../support/admin-port.ts";
import { documents } from "../../support/catalog-arbitraries.ts";

const SEED = 20_261_121;
const MESSAGES = 10_000;
const AT_ONCE = 100;

const MUTATIONS = [
  "ServicePolicies/Apply",
  "ServiceEndpoints/Apply",
  "TrafficSplits/Apply",
  "Routes/Apply",
  "ServicePolicies/Delete",
  "TrafficSplits/Delete",
  "Mesh/ApplyBundle",
];
const READS = [
  "ServicePolicies/Get",
  "Routes/List",
  "Mesh/GetRevision",
  "Mesh/ListRevisions",
  "Mesh/ListProxies",
  "Mesh/WaitForRevision",
];
/** What a caller's mistake may be answered with: never INTERNAL, UNKNOWN or silence. */
const BLAMES_THE_CALLER = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.ABORTED,
  status.UNIMPLEMENTED,
]);

// A right shape with a wrong name, so that no change of one byte elsewhere makes it right.
const wrong = ApplyBundleRequest.encode(
  ApplyBundleRequest.fromPartial({
    resources: [
      { kind: { $case: "servicePolicy", value: { serviceName: "a b|c", timeoutMs: 7 } } },
      {
        kind: {
          $case: "route",
          value: { name: "r", destinationService: "no such|service", pathRegex: "(", methods: ["GET"] },
        },
      },
      { kind: { $case: "trafficSplit", value: { destinationService: "x y z", headerMatch: { a: "1" }, v1Weight: 5 } } },
    ],
    options: { author: "fuzz", reason: "noise" },
  }),
).finish();

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

/** Bytes of one of the ways in which messages are wrong. */
function malformed(random: Random): Buffer {
  const whole = Buffer.from(wrong);
  switch (random.below(6)) {
    case 0:
      return randomBytes(random, random.below(64));
    case 1:
      return whole.subarray(0, random.below(whole.length));
    case 2: {
      whole[random.below(whole.length)] = random.below(256);
      return whole;
    }
    case 3: // A length that lies.
      return Buffer.concat([Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07]), randomBytes(random, 8)]);
    case 4: // Groups within groups: the recursion a decoder must bound.
      return Buffer.alloc(500, 0x0b);
    default: // Text that is no UTF-8, in a field that wants text.
      return Buffer.concat([Buffer.from([0x0a, 0x0a, 0x0a, 0x08]), randomBytes(random, 8).map((byte) => byte | 0x80)]);
  }
}

interface Told {
  readonly path: string;
  readonly code: number;
  readonly words: string;
}

/** One call over a bare HTTP/2 stream: what a gRPC library would never send can be sent, and costs little. */
async function post(session: ClientHttp2Session, path: string, body: Buffer): Promise<Told> {
  const stream = session.request({
    ":method": "POST",
    ":path": `/heddle.admin.v1.${path}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const told = { path, code: -1, words: "" };
  const read = (headers: IncomingHttpHeaders): void => {
    // Trailers, or the only headers of an answer without a message.
    if (headers["grpc-status"] === undefined) return;
    told.code = Number(headers["grpc-status"]);
    told.words = decodeURIComponent(String(headers["grpc-message"] ?? ""));
  };
  stream.on("response", read).on("trailers", read).resume();
  stream.end(body);
  await once(stream, "close");
  return told;
}

/** Length-prefixed, as gRPC frames a message; now and then framed wrong. */
function framed(random: Random, message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  if (random.below(50) === 0) prefix.writeUInt32BE(message.length + 1, 1);
  return Buffer.concat([prefix, message]);
}

async function bombard(address: string, random: Random): Promise<readonly Told[]> {
  const session = connectHttp2(`http://${address}`);
  const paths = [...MUTATIONS, ...READS, "Mesh/NoSuchMethod"];
  const answers: Told[] = [];
  for (let sent = 0; sent < MESSAGES; sent += AT_ONCE) {
    const wave = Array.from({ length: AT_ONCE }, () =>
      post(session, paths[random.below(paths.length)] ?? "", framed(random, malformed(random))),
    );
    answers.push(...(await Promise.all(wave)));
  }
  session.close();
  return answers;
}

describe("malformed and random messages", () => {
  it(`${MESSAGES} of them leave the process alive and nothing stored, each answered by a status with words`, async (t) => {
    const port = await openAdminPort(t);
    const answers = await bombard(port.address, seededRandom(SEED));
    assert.equal(answers.length, MESSAGES);
    for (const { path, code, words } of answers) {
      const where = `seed ${SEED}: ${path}: ${code} ${words}`;
      if (code === status.OK) assert.ok(READS.includes(path), where);
      else assert.ok(BLAMES_THE_CALLER.has(code) && words.length > 10, where);
    }
    assert.equal(port.store.catalog().revision, 0);
    assert.equal(
      (await port.must("ServicePolicies.Apply", { service_policy: { service_name: "alive" } }))["revision"],
      "1",
    );
  });

  it("to a stream are answered by a status too", async (t) => {
    const port = await openAdminPort(t);
    for (const path of ["ServicePolicies/Watch", "Mesh/Backup"]) {
      const answer = await port.raw(`/heddle.admin.v1.${path}`, Buffer.from([0x0a, 0xff]));
      assert.ok(!answer.ok && answer.code === status.INVALID_ARGUMENT, JSON.stringify(answer));
    }
  });

  it("of more than 4 MiB are RESOURCE_EXHAUSTED", async (t) => {
    const port = await openAdminPort(t);
    const answer = await port.raw("/heddle.admin.v1.Mesh/ApplyBundle", Buffer.alloc(4 * 1024 * 1024 + 1));
    assert.ok(!answer.ok && answer.code === status.RESOURCE_EXHAUSTED, JSON.stringify(answer));
  });

  it("that are no gRPC at all end their connection and nothing else", async (t) => {
    const port = await openAdminPort(t);
    const [, portNumber] = port.address.split(":");
    const random = seededRandom(SEED);
    for (const noise of [
      Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
      randomBytes(random, 300),
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnoise..........."),
    ]) {
      const socket = connect(Number(portNumber), "127.0.0.1");
      socket.on("error", () => {});
      socket.end(noise);
      socket.resume();
      await once(socket, "close");
    }
    await port.must("ServicePolicies.List", {});
  });
});

describe("random bundles of right types", () => {
  const anyValue = fc.oneof(fc.constant(undefined), fc.integer(), fc.string({ maxLength: 5 }), fc.boolean());
  /** A right resource of which perhaps one column is anything. */
  const resource = fc.tuple(documents, fc.boolean(), fc.nat(20), anyValue).map(([document, spoil, index, value]) => {
    const columns = Object.keys(document).filter((column) => column !== "kind");
    const column = columns[index % columns.length] ?? "";
    return spoil ? { ...document, [column]: value } : document;
  });

  it("are stored as a whole, with every row as sent, or not at all", async (t) => {
    const port = await openAdminPort(t);
    let stored = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(resource, { minLength: 1, maxLength: 5 }), async (bundle) => {
        const before = port.store.catalog();
        const rows = bundle.map((document) => rowFromDocument(document));
        const right = rows.filter((read) => read.ok).map((read) => read.value);
        const answer = await port.raw("/heddle.admin.v1.Mesh/ApplyBundle", encodeBundle(bundle, right));
        const after = port.store.catalog();
        if (!answer.ok) {
          assert.ok(BLAMES_THE_CALLER.has(answer.code) && answer.details.length > 10, answer.details);
          assert.equal(after, before);
          return;
        }
        stored += 1;
        assert.equal(right.length, bundle.length);
        const content = new Map(KINDS.flatMap((kind) => rowsOf(after, kind)).map((row) => [nameOf(row), row]));
        for (const row of right) assert.ok(isSameContent(content.get(nameOf(row)) ?? row, row));
        assert.ok(after === before || after.revision === before.revision + 1);
      }),
      { numRuns: 500, seed: SEED },
    );
    assert.ok(stored > 20, `only ${stored} bundles were right`);
  });
});

const nameOf = (row: Row): string => `${row.kind} ${describeKey(keyOf(row))}`;

/** Right rows by way of our messages, wrong documents by a policy that is wrong as well. */
function encodeBundle(bundle: readonly object[], right: readonly Row[]): Buffer {
  const resources = right.map((row) =>
    Resource.fromPartial({ kind: { $case: caseOfKind[row.kind], value: messageFromRow(row) } } as object),
  );
  const wrongOnes = Array.from({ length: bundle.length - right.length }, () =>
    Resource.fromPartial({ kind: { $case: "servicePolicy", value: { serviceName: "wrong name" } } }),
  );
  return Buffer.from(
    ApplyBundleRequest.encode(
      ApplyBundleRequest.fromPartial({ resources: [...resources, ...wrongOnes], options: { force: true } }),
    ).finish(),
  );
}
