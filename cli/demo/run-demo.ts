import { seededRandom } from "../../shared/random.ts";
import { EXIT } from "../exit-code.ts";
import { formatDuration } from "../output/age.ts";
import type { Terminal } from "../terminal.ts";
import { allCurrent } from "./all-current.ts";
import { DemoMesh } from "./demo-mesh.ts";
import { OpenLoopLoad, type PlannedRequest } from "./open-loop.ts";
import { Reporter } from "./reporter.ts";
import { firstResources, INSTANCES, tellStory, type Step } from "./story.ts";
import { renderSummary, shortfalls } from "./summary.ts";
import { reviewsVersion, Tally } from "./tally.ts";
import { warmUp } from "./warm-up.ts";
import { whatToTry } from "./what-to-try.ts";

export interface DemoOptions {
  /** Requests per second. */
  readonly rate: number;
  readonly seed: number;
  /** Leave the mesh running when the story is told, until interrupted. */
  readonly keep: boolean;
  readonly terminal: Terminal;
  /** Ends the demo early. */
  readonly signal: AbortSignal;
}

/** A request may wait this long, all tries of all hops included. */
const REQUEST_TIMEOUT_MS = 10_000;
/** The services tell what they saw in batches; the last one comes this late. */
const LAST_SEEN_MS = 600;

/** A generator that is later than this measures the machine. */
const BUSY_MS = 200;

/** Runs the demo from the first process to the last, and settles with its exit code. Leaves no process behind. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { terminal, signal } = options;
  const reporter = new Reporter(terminal);
  const tally = new Tally();
  const mesh = new DemoMesh(INSTANCES, (service, ids) => tally.onSeen(service, ids));
  const load = openLoad(options, { mesh, tally, reporter });
  const kill = (): void => mesh.kill();
  process.once("exit", kill);
  try {
    await startMesh(mesh, reporter, signal);
    load.start();
    reporter.followTraffic();
    const steps = await tellStory({ mesh, tally, reporter, signal });
    await load.stop();
    await new Promise((done) => setTimeout(done, LAST_SEEN_MS));
    reporter.stop();
    const code = conclude(terminal, tally, steps);
    const { latenessMaxMs } = load.counts;
    if (latenessMaxMs > BUSY_MS)
      terminal.note(`(this machine was busy: the generator itself was up to ${formatDuration(latenessMaxMs)} late)`);
    if (options.keep) await keepRunning(options, mesh);
    reporter.event("stopping every process");
    await mesh.stop();
    return code;
  } catch (error) {
    reporter.stop();
    if (signal.aborted) {
      terminal.note("interrupted; every process is ended");
      return EXIT.failed;
    }
    throw error;
  } finally {
    process.off("exit", kill);
    reporter.stop();
    mesh.kill();
    await Promise.all([load.stop(), mesh.gone()]);
  }
}

async function startMesh(mesh: DemoMesh, reporter: Reporter, signal: AbortSignal): Promise<void> {
  reporter.event(`a control plane on a fresh file in ${mesh.folder}`);
  await mesh.startControlPlane();
  const options = { author: "demo", reason: "first", dryRun: false, expectedRevision: 0n, force: true };
  await mesh.admin.applyBundle({ resources: [...firstResources()], deletions: [], options });
  reporter.event(
    `web -> reviews (v1, v2) -> ratings, web -> details: ${INSTANCES.length} instances under \`heddle run\``,
  );
  await mesh.startInstances();
  const revision = await allCurrent(mesh, signal);
  await warmUp(mesh.entrance("web-1", "inbound"), "web", signal);
  reporter.event(`every proxy runs r${revision}; traffic starts`);
}

function openLoad(
  { rate, seed }: DemoOptions,
  { mesh, tally, reporter }: { readonly mesh: DemoMesh; readonly tally: Tally; readonly reporter: Reporter },
): OpenLoopLoad {
  const random = seededRandom(seed);
  return new OpenLoopLoad({
    rate,
    target: () => mesh.entrance("web-1", "inbound"),
    timeoutMs: REQUEST_TIMEOUT_MS,
    plan: (sequence) => {
      tally.onSent(sequence);
      return planned(random.unit(), random.below(1_000));
    },
    onOutcome: (outcome) => {
      tally.onOutcome(outcome);
      reporter.onOutcome(outcome.latencyMs, outcome.failure === undefined ? reviewsVersion(outcome) : undefined);
    },
  });
}

/** One request in five is a POST, which a proxy must not send twice once it may have arrived. */
function planned(unit: number, product: number): PlannedRequest {
  const base = { host: "web", path: `/products/${product}` };
  return unit < 0.8 ? { ...base, method: "GET" } : { ...base, method: "POST", body: `stars=${product % 6}` };
}

function conclude(terminal: Terminal, tally: Tally, steps: readonly Step[]): number {
  terminal.out(renderSummary(tally, steps));
  const found = shortfalls(tally);
  if (found.length === 0) {
    terminal.out("Nothing failed.\n");
    return EXIT.ok;
  }
  terminal.out(`${found.join("\n")}\n`);
  return EXIT.failed;
}

async function keepRunning({ terminal, signal }: DemoOptions, mesh: DemoMesh): Promise<void> {
  terminal.note(whatToTry(mesh));
  await new Promise<void>((done) => {
    if (signal.aborted) done();
    signal.addEventListener("abort", () => done(), { once: true });
  });
}
