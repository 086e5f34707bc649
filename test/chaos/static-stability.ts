import { OpenLoopLoad, type PlannedRequest } from "../../cli/demo/open-loop.ts";
import { seededRandom, type Random } from "../../shared/random.ts";
import { Ledger, type Failure, type Reconciliation } from "./ledger.ts";
import { ChaosMesh, type Instance } from "./mesh.ts";

export interface Scenario {
  readonly seed: number;
  readonly rate: number;
  /** Requests in each phase. */
  readonly phaseRequests: number;
  /** How often the list of phases is run. */
  readonly rounds: number;
  /** Proxies beside those that carry traffic: they reconnect when the control plane comes back. */
  readonly herd: number;
  /** The negative control: the caller's proxy starts with no stored snapshot. */
  readonly forgetSnapshots: boolean;
  readonly onPhase: (name: string) => void;
}

export interface Verdict extends Reconciliation {
  /**
   * Failures that no mesh can prevent: a POST under way on the instance that was killed, which may have been served and
   * must not be sent again. Not among `failures`.
   */
  readonly excused: readonly Failure[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly pushes: number;
  readonly pushFailures: number;
  readonly lastWords: string;
}

const PUSH_PERIOD_MS = 100;
const CRASH = "an instance killed, app and proxy";

function isExcused({ phase, method, seenBy, reason }: Failure): boolean {
  return phase === CRASH && method === "POST" && seenBy.length <= 1 && /status 50[23]/.test(reason);
}

/**
 * The promise of static stability, under load: whatever happens to the control plane, and while proxies restart beside
 * it, no request fails. Open loop, unique ids, both ends counted; ten configuration pushes a second whenever the control
 * plane lives.
 */
export async function runStaticStability(scenario: Scenario): Promise<Verdict> {
  const mesh = new ChaosMesh();
  const ledger = new Ledger();
  const random = seededRandom(scenario.seed);
  try {
    await mesh.start(3);
    await mesh.startHerd(scenario.herd);
    const load = new OpenLoopLoad({
      rate: scenario.rate,
      target: () => mesh.outbound,
      plan: (sequence) => plan(sequence, random),
      timeoutMs: 10_000,
      onOutcome: (outcome) => ledger.note(outcome),
    });
    load.start();
    const pusher = startPushes(mesh);
    for (let round = 0; round < scenario.rounds; round += 1) await runPhases(mesh, ledger, scenario, random);
    const { pushes, failures } = pusher.stop();
    await load.stop();
    const reconciled = ledger.reconcile(mesh.seen);
    return {
      ...reconciled,
      failures: reconciled.failures.filter((failure) => !isExcused(failure)),
      excused: reconciled.failures.filter(isExcused),
      p50Ms: ledger.latencyMs(0.5),
      p99Ms: ledger.latencyMs(0.99),
      pushes,
      pushFailures: failures,
      lastWords: mesh.lastWords(),
    };
  } finally {
    await mesh.stop();
  }
}

async function runPhases(mesh: ChaosMesh, ledger: Ledger, scenario: Scenario, random: Random): Promise<void> {
  const phase = async (name: string, act: () => Promise<void> | void = () => {}): Promise<void> => {
    ledger.phase = name;
    scenario.onPhase(name);
    await act();
    await ledger.outcomes(scenario.phaseRequests);
  };
  const anyInstance = (): Instance => mesh.instances[random.below(mesh.instances.length)]!;

  await phase("steady, with configuration pushes");
  await phase("control plane killed", () => mesh.controlPlane.kill());
  await phase("a replica's proxy restarted while it is dead", () => mesh.restartProxy(anyInstance()));
  await phase("the caller's proxy started from disk while it is dead", () =>
    mesh.replaceCaller(scenario.forgetSnapshots),
  );
  await phase("control plane restarted, all proxies reconnect", () => mesh.startControlPlane());
  await phase("control plane stopped (SIGSTOP)", () => mesh.controlPlane.signal("SIGSTOP"));
  await phase("control plane continues", () => mesh.controlPlane.signal("SIGCONT"));
  await phase("partitioned from the control plane", () => mesh.partition());
  await phase("healed", () => mesh.heal());
  await phase("an endpoint drained and restarted", () => mesh.restartProxy(anyInstance()));
  await phase(CRASH, () => mesh.killInstance(anyInstance()));
  await phase("a new instance in its place", () => mesh.addInstance());
  await mesh.admin?.waitForAll();
}

/** Mostly GET, every fourth a POST of 1 KiB that must be served exactly once; some take a while to answer. */
function plan(sequence: number, random: Random): PlannedRequest {
  const headers = random.below(5) === 0 ? { "x-work-ms": String(random.below(40)) } : {};
  if (sequence % 4 !== 3) return { method: "GET", path: `/items/${sequence}`, host: "reviews", headers };
  return { method: "POST", path: "/items", host: "reviews", headers, body: "x".repeat(1024) };
}

/** Edits a policy ten times a second. A push may fail only while there is no control plane to take it. */
function startPushes(mesh: ChaosMesh): { stop(): { pushes: number; failures: number } } {
  let pushes = 0;
  let failures = 0;
  const push = async (): Promise<void> => {
    const policy = { service_name: "reviews", timeout_ms: 5000 + (pushes % 2), retry_attempts: 3 };
    await mesh.admin?.call("ServicePolicies", "Apply", { service_policy: policy, options: { author: "chaos" } });
  };
  const timer = setInterval(() => {
    push().then(
      () => (pushes += 1),
      () => (failures += 1),
    );
  }, PUSH_PERIOD_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return { pushes, failures };
    },
  };
}
