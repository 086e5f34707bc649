import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";

import { cpuUsOf, parseProcessStat, pidsOf, rssKbOf, withDescendants } from "../../bench/figures/process-tree.ts";

const LINE =
  "4242 (a (b) c) S 17 4242 17 34816 4242 4194304 120 0 0 0 31 11 2 3 20 0 1 0 900 12345 678 18446744073709551615 0 0";

describe("a line of /proc/PID/stat", () => {
  it("gives user and system time, whatever the command is called", () => {
    assert.deepEqual(parseProcessStat(LINE), { pid: 4242, parent: 17, cpuTicks: 42 });
  });

  it("of a process that has gone is nothing", () => {
    for (const line of ["", "12", "12 (x", "x (y) S 1 2 3", LINE.slice(0, 40)])
      assert.equal(parseProcessStat(line), undefined);
  });
});

describe("a family of processes", () => {
  const stat = (pid: number, parent: number) => ({ pid, parent, cpuTicks: 1 });

  it("has children of children, in whatever order they are listed, and nobody else", () => {
    const all = [stat(5, 4), stat(4, 2), stat(9, 8), stat(2, 1), stat(3, 2), stat(1, 0)];
    const pids = withDescendants(all, [2]).map(({ pid }) => pid);
    assert.deepEqual(pids.toSorted(), [2, 3, 4, 5]);
  });

  it("counts a real child's time and memory", { skip: process.platform !== "linux" && "needs /proc" }, async () => {
    const parent = spawn("sh", ["-c", "sleep 60 & wait"], { stdio: "ignore" });
    await once(parent, "spawn");
    const pid = parent.pid ?? 0;
    while (pidsOf([pid]).length < 2) await new Promise((resolve) => setImmediate(resolve));
    const family = pidsOf([pid]);
    assert.equal(family.includes(pid), true);
    assert.ok(rssKbOf([pid]) > rssKbOf([family.find((one) => one !== pid) ?? 0]));
    for (const one of family) process.kill(one, "SIGKILL");
  });

  it("has spent time after it has worked", { skip: process.platform !== "linux" && "needs /proc" }, () => {
    const before = cpuUsOf([process.pid]);
    const { user, system } = process.cpuUsage();
    for (let now = process.cpuUsage(); now.user + now.system < user + system + 40_000; now = process.cpuUsage());
    const spent = cpuUsOf([process.pid]) - before;
    assert.ok(spent >= 20_000, `${spent} us`);
  });
});
