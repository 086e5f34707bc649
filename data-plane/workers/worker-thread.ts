import { parentPort, workerData } from "node:worker_threads";

import { assert, unreachable } from "../../shared/assert.ts";
import { threadClockOffsetMs } from "../../shared/clock.ts";
import { ACCESS_LOG_BUFFER_BYTES_MAX } from "../../shared/limits.ts";
import { createLog } from "../../shared/log.ts";
import { emptySnapshot, type Snapshot } from "../../shared/model/snapshot.ts";
import { systemTimers } from "../../shared/timers.ts";
import { describeViolations } from "../../shared/violation.ts";
import { DataPath } from "../data-path.ts";
import { ListenFailed } from "../listener/listener-set.ts";
import { LinePost } from "../telemetry/line-post.ts";
import { SharedCalls } from "./shared-calls.ts";
import { FollowedCounts } from "./count-book.ts";
import {
  snapshotAfter,
  type SnapshotChanges,
  type WorkerOrder,
  type WorkerStart,
  type WorkerTask,
} from "./worker-message.ts";
import type { WorkerLoad, WorkerWord } from "./worker-message.ts";
import type { Tally } from "./tally.ts";

/** How often a draining worker tells what it still carries. */
const LOAD_PERIOD_MS = 10;

// Who starts this thread is sibling.ts; a bug here ends the thread, and it is started anew.
const { config, worker, memory, callMemory, rows, meeting, lines } = workerData as WorkerStart;
const port = parentPort;
assert(port !== null, "this is the program of a thread");
const log = createLog("heddle-proxy", config.logLevel).child({ worker });
const counts = new FollowedCounts(memory, worker);
counts.follow({ gone: [], set: [...rows] });
const dataPath = new DataPath({
  config,
  log,
  accessLog: lines === undefined ? undefined : new LinePost(lines, systemTimers, ACCESS_LOG_BUFFER_BYTES_MAX),
  shared: { worker, counts, calls: new SharedCalls(callMemory, worker, threadClockOffsetMs()), meeting },
});
let snapshot: Snapshot = emptySnapshot;
let isTellingLoad = false;

/** Tasks are done one after the other, as they came. */
let last: Promise<void> = Promise.resolve();
port.on("message", (order: WorkerOrder) => {
  last = last.then(() => carryOut(order));
});

async function carryOut({ id, task }: WorkerOrder): Promise<void> {
  try {
    tell({ kind: "done", id, tally: await perform(task) });
  } catch (error) {
    if (!(error instanceof ListenFailed)) throw error;
    tell({ kind: "refused", id, reason: error.message });
  }
}

async function perform(task: WorkerTask): Promise<Tally | undefined> {
  switch (task.kind) {
    case "swap":
      counts.follow(task.rows);
      swap(task.changes);
      return undefined;
    case "open":
      counts.follow(task.rows);
      await dataPath.listeners.open(task.spec, task.address, task.flag);
      return undefined;
    case "news":
      dataPath.onNews(task.news);
      return undefined;
    case "control-plane":
      dataPath.watches.onControlPlane(task.isConnected);
      return undefined;
    case "drain":
      dataPath.listeners.drain(task.side);
      tellLoad();
      return undefined;
    case "tally":
      return dataPath.tally();
    case "ping":
      return undefined;
    case "stop":
      dataPath.close();
      await dataPath.end();
      return undefined;
    default:
      return unreachable(task);
  }
}

/** The main thread has compiled the same: what it accepted cannot be refused here. */
function swap(changes: SnapshotChanges): void {
  snapshot = snapshotAfter(snapshot, changes);
  const compiled = dataPath.compile(snapshot, changes.revision);
  assert(compiled.ok, `a snapshot that was accepted: ${compiled.ok ? "" : describeViolations(compiled.error)}`);
  dataPath.swap(compiled.value);
}

function tellLoad(): void {
  if (isTellingLoad) return;
  isTellingLoad = true;
  systemTimers.every(LOAD_PERIOD_MS, () => tell({ kind: "load", load: loadNow() }));
}

function loadNow(): WorkerLoad {
  const { listeners } = dataPath;
  const of = (side: "inbound" | "outbound"): WorkerLoad["inbound"] => ({
    inFlight: listeners.inFlight(side),
    connections: listeners.connections(side),
  });
  return { inbound: of("inbound"), outbound: of("outbound") };
}

function tell(word: WorkerWord): void {
  port?.postMessage(word);
}
