import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { classifyStoreFailure } from "../../../control-plane/store/store-failure.ts";

describe("a failed write", () => {
  it("of a full disk says so", () => {
    assert.equal(classifyStoreFailure("SQLITE_FULL", "words")?.kind, "full");
  });

  it("for want of a lock may be tried again", () => {
    for (const code of ["SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED", "SQLITE_READONLY_DIRECTORY"]) {
      assert.equal(classifyStoreFailure(code, "words")?.kind, "refused", code);
    }
  });

  it("of the disk itself stops all writing", () => {
    for (const code of [
      "SQLITE_IOERR_FSYNC",
      "SQLITE_IOERR_WRITE",
      "SQLITE_CORRUPT",
      "SQLITE_CORRUPT_INDEX",
      "SQLITE_NOTADB",
    ]) {
      assert.equal(classifyStoreFailure(code, "words")?.kind, "fail-stop", code);
    }
  });

  it("by a constraint is our own bug", () => {
    assert.equal(classifyStoreFailure("SQLITE_CONSTRAINT_CHECK", "words"), undefined);
  });
});
