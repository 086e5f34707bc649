import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import { policy, route } from "../../support/catalog-rows.ts";
import { byTest, openStore, put } from "../../support/stores.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** Runs on a disk of two mebibytes; false where this process may not mount one. */
function onSmallDisk(t: TestContext, run: (disk: string) => void): boolean {
  const disk = tempFolder(t);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]).status !== 0) return false;
  try {
    run(disk);
  } finally {
    spawnSync("umount", ["--lazy", disk]);
  }
  return true;
}

describe("a store on a disk that gets full", () => {
  it("refuses writes, goes on reading, and writes again without a restart when there is room", (t) => {
    const couldMount = onSmallDisk(t, (disk) => {
      const store = openStore(t, { file: join(disk, "mesh.db") });
      put(store, [policy("a")]);
      const filler = join(disk, "filler");
      // Takes the rest of the disk: there is less than this.
      assert.throws(() => writeFileSync(filler, Buffer.alloc(3 * 1024 * 1024)), /ENOSPC/);

      const change = {
        puts: [route("r", "a", { direct_response: { status: 200, body: "x".repeat(4_000) } })],
        deletions: [],
      };
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const outcome = store.commit(change, byTest);
        assert.ok(outcome.kind === "unavailable" && outcome.reason.includes("full"), JSON.stringify(outcome));
        assert.deepEqual(
          [store.catalog().revision, store.revisions(9, 0).length, store.catalog().routes.size],
          [1, 1, 0],
        );
      }
      rmSync(filler);
      assert.equal(put(store, change.puts), 2);
      store.close();
    });
    if (!couldMount) t.skip("a tmpfs cannot be mounted here: it takes root");
  });
});
