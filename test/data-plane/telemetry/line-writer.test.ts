import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";

import { LineWriter } from "../../../data-plane/telemetry/line-writer.ts";
import { systemTimers } from "../../../shared/timers.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ManualTimers } from "../../support/manual-timers.ts";

const root = mkdtempSync(join(tmpdir(), "heddle-lines-"));
after(() => rmSync(root, { recursive: true, force: true }));

function linesIn(file: string): readonly string[] {
  return readFileSync(file, "utf8").trimEnd().split("\n");
}

async function nextTurn(): Promise<boolean> {
  await setImmediate();
  return false;
}

function writeLine(writer: LineWriter, line: string): void {
  writer.buffer.raw(Buffer.from(line));
  writer.commit();
}

describe("a line writer", () => {
  it("writes every line in order, also over a rotation", async () => {
    const path = join(root, "a", "access.log");
    const writer = new LineWriter(path, systemTimers, 1e6);
    for (let line = 0; line < 3_000; line += 1) writeLine(writer, `before ${line} \u00e9\n`);
    await writer.flush();
    renameSync(path, `${path}.1`);
    await writer.reopen();
    for (let line = 0; line < 3_000; line += 1) writeLine(writer, `after ${line}\n`);
    await writer.flush();
    assert.deepEqual(
      linesIn(`${path}.1`),
      Array.from({ length: 3_000 }, (_, line) => `before ${line} \u00e9`),
    );
    assert.deepEqual(
      linesIn(path),
      Array.from({ length: 3_000 }, (_, line) => `after ${line}`),
    );
    assert.equal(writer.droppedLines, 0);
  });

  it("keeps lines for a reader that stalls, drops those beyond its bound, and delivers the rest whole", async () => {
    const path = join(root, "stalled");
    execFileSync("mkfifo", [path]);
    // Keeps the pipe open for writing while nobody reads.
    const held = openSync(path, "r+");
    assert.ok(held > 0);
    const writer = new LineWriter(path, systemTimers, 300_000);
    const line = `${"x".repeat(999)}\n`;
    for (let count = 0; count < 1_000; count += 1) writeLine(writer, line);
    assert.equal(writer.droppedLines, 700);
    const reader = spawn("head", ["-c", "300000", path], { stdio: ["ignore", "pipe", "inherit"] });
    let read = "";
    reader.stdout.setEncoding("utf8").on("data", (chunk: string) => (read += chunk));
    await once(reader.stdout, "end");
    assert.equal(read, line.repeat(300));
    await writer.flush();
    writeLine(writer, "more\n");
    assert.equal(writer.droppedLines, 700);
  });

  it(
    "writes what came during a write, even when the time for it passed meanwhile and nothing more comes",
    { timeout: 60_000 },
    async () => {
      const path = join(root, "late");
      execFileSync("mkfifo", [path]);
      // Keeps the pipe open for writing while nobody reads.
      const held = openSync(path, "r+");
      assert.ok(held > 0);
      const clock = new ManualClock();
      const timers = new ManualTimers(clock);
      const writer = new LineWriter(path, timers, 1e6);
      // More than a pipe holds: this write cannot end.
      const large = `${"x".repeat(299_999)}\n`;
      writeLine(writer, large);
      writeLine(writer, "late\n");
      timers.pass(1_000);
      const reader = spawn("head", ["-n", "2", path], { stdio: ["ignore", "pipe", "inherit"] });
      let read = "";
      reader.stdout.setEncoding("utf8").on("data", (chunk: string) => (read += chunk));
      const ended = once(reader.stdout, "end").then(() => true);
      // Each turn a retry of the stalled write, or the flush, is due: the reader decides when it ends.
      while (!(await Promise.race([ended, nextTurn()]))) timers.pass(1_000);
      assert.equal(read, `${large}late\n`);
    },
  );

  it("goes on after a failed write and says what failed", async () => {
    const writer = new LineWriter("/dev/full", systemTimers, 1e6);
    writeLine(writer, "lost\n");
    await writer.flush();
    assert.match(writer.lastError, /ENOSPC/);
    assert.equal(writer.droppedLines, 1);
  });
});
