import { quantile } from "../figures/spread.ts";
import type { Row } from "../figures/result.ts";
import { pause } from "../peers/program.ts";
import { caseName, type PushCase, type PushFigure } from "./push-cases.ts";
import { PushMesh } from "./push-mesh.ts";
import type { PushOptions } from "./push-options.ts";
import { monotonicMs } from "./swarm.ts";

/** What a connection leaves behind is collected by then. */
const IDLE_MS = 3_000;
/** The last ACKs and what they leave to do belong to the cost of an edit. */
const AFTERMATH_MS = 300;

type Figures = Record<PushFigure, number[]>;

/** One case on a mesh of its own. */
export async function measurePush(
  pushCase: PushCase,
  options: PushOptions,
  progress: (line: string) => void,
  onStarted: (mesh: PushMesh) => void,
): Promise<Row> {
  const mesh = new PushMesh(pushCase, options.profile);
  onStarted(mesh);
  const name = caseName(pushCase);
  const figures = emptyFigures();
  try {
    progress(`${name}: starting`);
    await mesh.startControlPlane();
    await mesh.fill();
    await pause(500);
    const freshKb = mesh.rssKb();
    figures.connectSeconds.push(await secondsOf(() => mesh.connect()));
    await pause(IDLE_MS);
    figures.idleKbPerStream.push((mesh.rssKb() - freshKb) / pushCase.streams);
    // The first edits run in code that no compiler has seen.
    for (let round = 0; round <= options.rounds; round += 1) {
      progress(round === 0 ? `${name}: warming up` : `${name}: round ${round} of ${options.rounds}`);
      await measureRound(mesh, { pushCase, edits: options.edits, round }, round === 0 ? emptyFigures() : figures);
    }
    figures.kbPerStream.push((mesh.rssKb() - freshKb) / pushCase.streams);
    if (options.restarts) {
      progress(`${name}: restart`);
      figures.restartSeconds.push(await restart(mesh));
    }
    return { case: name, peer: "heddle", figures, invalid: [] };
  } finally {
    await mesh.stop();
  }
}

interface Round {
  readonly pushCase: PushCase;
  readonly edits: number;
  readonly round: number;
}

/** Of each edit a latency, and of the round one figure of CPU: the system counts it in ticks of 10 ms. */
async function measureRound(mesh: PushMesh, { pushCase, edits, round }: Round, figures: Figures): Promise<void> {
  const before = mesh.cpuUs();
  for (let edit = 0; edit < edits; edit += 1) {
    const pushed = await mesh.pushes();
    const receipts = await mesh.edit(round * edits + edit);
    await pause(AFTERMATH_MS);
    const now = await mesh.pushes();
    figures.receiptP50Ms.push(quantile(receipts, 0.5));
    figures.receiptP99Ms.push(quantile(receipts, 0.99));
    if (now.count === pushed.count + 1) figures.lastAckMs.push((now.seconds - pushed.seconds) * 1_000);
  }
  const after = mesh.cpuUs();
  const times = edits * pushCase.streams * 1_000;
  figures.cpuMsPerStream.push((after.control - before.control) / times);
  figures.swarmCpuMsPerStream.push((after.swarm - before.swarm) / times);
}

/** From the start of the new process until every stream is back and has acknowledged everything. */
async function restart(mesh: PushMesh): Promise<number> {
  await mesh.disconnect();
  await mesh.killControlPlane();
  return secondsOf(async () => {
    await mesh.startControlPlane();
    await mesh.connect();
  });
}

async function secondsOf(task: () => Promise<void>): Promise<number> {
  const startMs = monotonicMs();
  await task();
  return (monotonicMs() - startMs) / 1_000;
}

function emptyFigures(): Figures {
  return {
    lastAckMs: [],
    receiptP50Ms: [],
    receiptP99Ms: [],
    cpuMsPerStream: [],
    swarmCpuMsPerStream: [],
    connectSeconds: [],
    idleKbPerStream: [],
    kbPerStream: [],
    restartSeconds: [],
  };
}
