import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";

import fc from "fast-check";

import { RESOURCE_TYPES, type StoredSnapshot } from "../../../data-plane/xds/discovery-message.ts";
import { decodeLastGood, encodeLastGood } from "../../../data-plane/xds/last-good-format.ts";
import { LastGoodStore } from "../../../data-plane/xds/last-good.ts";
import { LAST_GOOD_PERIOD_MS } from "../../../shared/defaults.ts";
import { systemTimers, type Timers } from "../../../shared/timers.ts";

const root = mkdtempSync(join(tmpdir(), "heddle-last-good-"));
after(() => rmSync(root, { recursive: true, force: true }));

function folder(name: string): string {
  return join(root, name);
}

function snapshotOf(version: string, size = 10): StoredSnapshot {
  return {
    meshId: "mesh-1",
    types: RESOURCE_TYPES.map((type) => ({
      type,
      version,
      resources: [Buffer.alloc(size, type), Buffer.alloc(0), Buffer.from(version)],
    })),
  };
}

interface Events {
  readonly saved: number[];
  readonly failed: string[];
}

function storeIn(path: string): { store: LastGoodStore; events: Events } {
  const events: Events = { saved: [], failed: [] };
  const store = new LastGoodStore(path, systemTimers, {
    onSaved: (bytes) => events.saved.push(bytes),
    onFailed: (error) => events.failed.push(error),
  });
  return { store, events };
}

describe("the format of the last good snapshot", () => {
  it("gives back what was put in, whatever the bytes and names", () => {
    const stored = fc.record({
      meshId: fc.string({ unit: "binary" }),
      types: fc.array(
        fc.record(
          {
            type: fc.constantFrom(...RESOURCE_TYPES),
            version: fc.string({ unit: "binary" }),
            resources: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }),
          },
          { noNullPrototype: true },
        ),
      ),
    });
    fc.assert(
      fc.property(stored, fc.nat(), (snapshot, savedWallMs) => {
        const decoded = decodeLastGood(encodeLastGood({ snapshot, savedWallMs }));
        assert.ok(decoded.ok);
        assert.equal(decoded.value.savedWallMs, savedWallMs);
        assert.equal(decoded.value.snapshot.meshId, snapshot.meshId);
        const plain = decoded.value.snapshot.types.map((one) => ({
          ...one,
          resources: one.resources.map((bytes) => Uint8Array.from(bytes)),
        }));
        assert.deepEqual(plain, snapshot.types);
      }),
    );
  });

  const whole = encodeLastGood({ snapshot: snapshotOf("r7.abc"), savedWallMs: 1 });

  it("refuses a file that was cut at any byte, in words", () => {
    for (let length = 0; length < whole.length; length += 1) {
      const decoded = decodeLastGood(whole.subarray(0, length));
      assert.ok(!decoded.ok, `cut at ${length} was accepted`);
      assert.match(decoded.error, /^its? /);
    }
  });

  it("refuses a file in which any one bit is flipped", () => {
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.ok(!decodeLastGood(damaged).ok, `bit ${bit} was flipped and accepted`);
    }
  });

  it("refuses any other bytes without a throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isPrefixed) => {
        const file = isPrefixed ? Buffer.concat([Buffer.from("heddle-snapshot 1\n"), bytes]) : Buffer.from(bytes);
        assert.ok(!decodeLastGood(file).ok);
      }),
    );
  });

  it("says that a newer Heddle wrote it", () => {
    const decoded = decodeLastGood(Buffer.from("heddle-snapshot 2\nanything at all"));
    assert.ok(!decoded.ok);
    assert.equal(decoded.error, "it was written by a newer Heddle (format 2; this one reads 1)");
  });
});

describe("the last good snapshot on disk", () => {
  it("is there after a restart, readable by its owner alone", async () => {
    const path = folder("restart");
    const { store, events } = storeIn(path);
    assert.equal(store.load(), undefined);
    store.save(snapshotOf("r1.a"), 123);
    await store.flush();
    assert.deepEqual(events.failed, []);
    const loaded = storeIn(path).store.load();
    assert.ok(loaded?.ok);
    assert.equal(loaded.value.savedWallMs, 123);
    assert.equal(loaded.value.snapshot.types[0]?.version, "r1.a");
    assert.equal(statSync(store.path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(path), ["snapshot"]);
  });

  it("is the newest of many, and those in between are not written", async () => {
    const { store, events } = storeIn(folder("burst"));
    for (let revision = 1; revision <= 100; revision += 1) store.save(snapshotOf(`r${revision}.a`), revision);
    await store.flush();
    assert.equal(events.saved.length, 2);
    const loaded = store.load();
    assert.ok(loaded?.ok);
    assert.equal(loaded.value.snapshot.types[0]?.version, "r100.a");
  });

  it("is written at once, then at most once per period", async () => {
    const due: (() => void)[] = [];
    const timers: Timers = {
      after: (delayMs, task) => {
        assert.equal(delayMs, LAST_GOOD_PERIOD_MS);
        due.push(task);
        return { cancel: () => undefined };
      },
      every: () => assert.fail("nothing is periodic here"),
    };
    const written = Promise.withResolvers<void>();
    const store = new LastGoodStore(folder("period"), timers, {
      onSaved: () => written.resolve(),
      onFailed: (error) => written.reject(new Error(error)),
    });
    store.save(snapshotOf("r1.a"), 1);
    await written.promise;
    store.save(snapshotOf("r2.b"), 2);
    store.save(snapshotOf("r3.c"), 3);
    const early = store.load();
    assert.ok(early?.ok && early.value.savedWallMs === 1);
    assert.equal(due.length, 1);
    due[0]?.();
    await store.flush();
    const late = store.load();
    assert.ok(late?.ok && late.value.savedWallMs === 3);
  });

  it("is the old one when the process died between writing and renaming", async () => {
    const path = folder("killed");
    const { store } = storeIn(path);
    store.save(snapshotOf("r1.a"), 1);
    await store.flush();
    const half = encodeLastGood({ snapshot: snapshotOf("r2.b"), savedWallMs: 2 });
    writeFileSync(`${store.path}.${process.pid}.new`, half.subarray(0, 40));
    const after1 = store.load();
    assert.ok(after1?.ok && after1.value.snapshot.types[0]?.version === "r1.a");
    store.save(snapshotOf("r3.c"), 3);
    await store.flush();
    const after2 = store.load();
    assert.ok(after2?.ok && after2.value.snapshot.types[0]?.version === "r3.c");
  });

  it("that cannot be written is reported, and the next one is tried again", async () => {
    const path = folder("blocked");
    const { store, events } = storeIn(path);
    mkdirSync(join(store.path, "in-the-way"), { recursive: true });
    store.save(snapshotOf("r1.a"), 1);
    await store.flush();
    assert.equal(events.failed.length, 1);
    assert.match(store.load()?.ok === false ? "refused" : "", /refused/);
    rmSync(store.path, { recursive: true });
    store.save(snapshotOf("r2.b"), 2);
    await store.flush();
    assert.equal(events.saved.length, 1);
    assert.deepEqual(readdirSync(path), ["snapshot"]);
  });
});
