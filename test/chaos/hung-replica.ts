import { OpenLoopLoad } from "../../cli/demo/open-loop.ts";
import type { ClustersJson } from "../../data-plane/admin/admin-json.ts";
import { ask } from "../support/proxies.ts";
import { Ledger, type Failure } from "./ledger.ts";
import { ChaosMesh } from "./mesh.ts";
import { until } from "./until.ts";

export interface HungReplica {
  readonly rate: number;
  /** Requests in each phase. */
  readonly phaseRequests: number;
  /** The negative control: nobody is ejected. */
  readonly isOff: boolean;
  readonly onPhase: (name: string) => void;
}

export interface HungVerdict {
  readonly failures: readonly Failure[];
  /** Attempts at the hung replica: while it was found out, in the phase after that, and once it went on. */
  readonly attempts: { readonly meanwhile: number; readonly after: number; readonly again: number };
  readonly sent: number;
  readonly p99Ms: number;
  readonly lastWords: string;
}

/** A proxy refuses requests when this machine is so busy with other things that it comes too late to them. */
const SHED = "load-shed";
/** Ejected for longer than a phase lasts, so that the phase after is clean. */
const EJECTION_MS = 8_000;

/**
 * One replica of three stands still, app and proxy, with its connections open (SIGSTOP): the failure that neither the
 * control plane nor a refused connection tells of. Its caller must find out by what requests come to, leave it alone,
 * lose no request meanwhile, and use it again once it goes on.
 */
export async function runHungReplica(scenario: HungReplica): Promise<HungVerdict> {
  const mesh = new ChaosMesh();
  const ledger = new Ledger();
  try {
    await mesh.start(3);
    await mesh.admin?.call("ServicePolicies", "Apply", { service_policy: policy(scenario.isOff) });
    await mesh.admin?.waitForAll();
    const load = new OpenLoopLoad({
      rate: scenario.rate,
      target: () => mesh.outbound,
      plan: (sequence) => ({ method: "GET", path: `/items/${sequence}`, host: "reviews" }),
      timeoutMs: 20_000,
      onOutcome: (outcome) => ledger.note(outcome),
    });
    load.start();
    const attempts = await hang(mesh, ledger, scenario);
    await load.stop();
    const { failures, sent } = ledger.reconcile(mesh.seen);
    const isOfReplica = ({ reason }: Failure): boolean => !reason.includes(SHED);
    return {
      failures: failures.filter(isOfReplica),
      attempts,
      sent,
      p99Ms: ledger.latencyMs(0.99),
      lastWords: mesh.lastWords(),
    };
  } finally {
    await mesh.stop();
  }
}

async function hang(mesh: ChaosMesh, ledger: Ledger, scenario: HungReplica): Promise<HungVerdict["attempts"]> {
  const [hung] = mesh.instances;
  if (hung === undefined) throw new Error("no instance was started");
  const address = hung.proxy.ready["inbound"] ?? "";
  const phase = async (name: string, isOver: () => Promise<boolean> = async () => true): Promise<number> => {
    ledger.phase = name;
    scenario.onPhase(name);
    const before = await attemptsAt(mesh, address);
    await ledger.outcomes(scenario.phaseRequests);
    await until(isOver, name);
    return (await attemptsAt(mesh, address)) - before;
  };
  await phase("steady");
  for (const child of [hung.proxy.child, hung.app]) child.signal("SIGSTOP");
  const isOut = async (): Promise<boolean> => scenario.isOff || (await isEjected(mesh, address));
  const meanwhile = await phase("one of three stands still", isOut);
  const after = await phase("it was found out");
  for (const child of [hung.proxy.child, hung.app]) child.signal("SIGCONT");
  const again = await phase("it goes on", async () => !(await isEjected(mesh, address)));
  return { meanwhile, after, again: again + (await phase("it is used again")) };
}

/** Tries that time out are sent elsewhere; the breaker of the whole service is another story. */
function policy(isOff: boolean): object {
  return {
    service_name: "reviews",
    timeout_ms: 15_000,
    per_try_timeout_ms: 1_000,
    retry_budget_percent: 100,
    cb_consecutive_failures: 0,
    cb_threshold: 100,
    outlier_consecutive_5xx: isOff ? 0 : 5,
    outlier_interval_ms: 1_000,
    outlier_base_ejection_ms: EJECTION_MS,
  };
}

async function attemptsAt(mesh: ChaosMesh, address: string): Promise<number> {
  return (await endpointAt(mesh, address))?.requests ?? 0;
}

async function isEjected(mesh: ChaosMesh, address: string): Promise<boolean> {
  return (await endpointAt(mesh, address))?.ejection !== null;
}

async function endpointAt(
  mesh: ChaosMesh,
  address: string,
): Promise<ClustersJson["clusters"][number]["endpoints"][number] | undefined> {
  const { body } = await ask(mesh.callerAdmin, { path: "/clusters" });
  const { clusters }: ClustersJson = JSON.parse(body);
  const found = clusters.find(({ name }) => name === "reviews");
  return found?.endpoints.find((endpoint) => endpoint.address === address);
}
