import type { Resource } from "../../shared/wire/admin-api.ts";
import { CliError } from "../cli-error.ts";
import { resourceOf } from "../documents/resource-document.ts";
import type { Fields } from "../documents/diff-documents.ts";
import { formatDuration } from "../output/age.ts";
import { allCurrent, CONVERGED_MAX_MS } from "./all-current.ts";
import type { DemoMesh, Instance } from "./demo-mesh.ts";
import { pause } from "./pause.ts";
import type { Reporter } from "./reporter.ts";
import type { Tally } from "./tally.ts";

/** One thing the demo did to the mesh, and how long it took to take effect everywhere. */
export interface Step {
  readonly what: string;
  /** Undefined when it made none. */
  readonly revision: bigint | undefined;
  readonly tookMs: number;
  readonly until: string;
}

export interface StoryParts {
  readonly mesh: DemoMesh;
  readonly tally: Tally;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** Names of the phases, as the last table shows them. */
export const PHASES = {
  before: "split 100/0",
  canary: "split 90/10",
  after: "split 0/100",
  dead: "control plane dead",
  fromDisk: "ratings-2 restarts from disk",
  reviving: "control plane starts again",
  back: "control plane back",
  edited: "policy edited",
  moving: "while changing",
} as const;

/** The default of a policy, longer than any pause of a busy machine. */
const TIMEOUT_MS = 5_000;
const POLL_MS = 100;

/** What the demo does to the mesh under traffic, in order; each step is timed. */
export async function tellStory(parts: StoryParts): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const step = async (act: Act): Promise<void> => {
    parts.reporter.event(`$ ${act.command}`);
    const startedMs = performance.now();
    const revision = await act.change();
    const tookMs = performance.now() - startedMs;
    steps.push({ what: act.what, revision, tookMs, until: act.until });
    parts.reporter.event(`  ${formatDuration(tookMs)} until ${act.until}`);
  };
  await phase(parts, PHASES.before, 4_000);
  await step(moveSplit(parts, "split 100/0 -> 90/10", 90));
  await phase(parts, PHASES.canary, 7_000);
  await step(moveSplit(parts, "split 90/10 -> 0/100", 0));
  await phase(parts, PHASES.after, 4_000);
  await step(killControlPlane(parts));
  await phase(parts, PHASES.dead, 3_000);
  parts.tally.begin(PHASES.fromDisk);
  await step(restartReplica(parts));
  await pause(parts.signal, 2_000);
  parts.tally.begin(PHASES.reviving);
  await step(reviveControlPlane(parts));
  await phase(parts, PHASES.back, 2_000);
  await step(editPolicy(parts));
  await phase(parts, PHASES.edited, 2_000);
  return steps;
}

/** A step before it is taken. */
interface Act {
  readonly what: string;
  /** What a person would type. */
  readonly command: string;
  readonly until: string;
  /** Settles with the revision it made, if any, once the step has taken effect everywhere. */
  readonly change: () => Promise<bigint | undefined>;
}

const EVERY_ACK = "every proxy acknowledged";

/**
 * Four services, six instances: web calls reviews and details, reviews calls ratings. Ratings has two replicas, so that
 * one of them can be restarted while the control plane is dead.
 */
export const INSTANCES: readonly Instance[] = [
  { name: "web-1", service: "web", version: "v1", program: calling("reviews", "details") },
  { name: "reviews-1", service: "reviews", version: "v1", program: calling("ratings") },
  { name: "reviews-2", service: "reviews", version: "v2", program: calling("ratings") },
  { name: "ratings-1", service: "ratings", version: "v1", program: calling() },
  { name: "ratings-2", service: "ratings", version: "v1", program: calling() },
  { name: "details-1", service: "details", version: "v1", program: calling() },
];

function calling(...callees: readonly string[]): Instance["program"] {
  return { file: "service", args: callees };
}

/** What the mesh is told before the first request; one revision. */
export function firstResources(): readonly Resource[] {
  return [...["web", "reviews", "ratings", "details"].map((service) => policy(service, TIMEOUT_MS)), split(100)];
}

/** Traffic for a while, counted under a name. The requests of the phase before have all their answers first. */
async function phase(parts: StoryParts, name: string, durationMs: number): Promise<void> {
  parts.tally.begin(name);
  await pause(parts.signal, durationMs);
  // What is sent from here on may meet the next change; what was sent before must not.
  const settled = parts.tally.begin(PHASES.moving);
  const before = parts.tally.phases.filter((one) => one !== settled);
  while (before.some(({ sent, answered, failed }) => sent > answered + failed)) await pause(parts.signal, POLL_MS / 10);
}

async function apply({ mesh, signal }: StoryParts, resource: Resource): Promise<bigint> {
  signal.throwIfAborted();
  const options = { author: "demo", reason: "", dryRun: false, expectedRevision: 0n, force: false };
  const { revision } = await mesh.admin.applyBundle({ resources: [resource], deletions: [], options });
  const { waiting } = await mesh.admin.waitForRevision(revision, CONVERGED_MAX_MS);
  if (waiting.length > 0)
    throw new CliError(`not acknowledged: ${waiting.map(({ nodeId, reason }) => `${nodeId}: ${reason}`).join("; ")}`);
  return revision;
}

function moveSplit(parts: StoryParts, what: string, v1Weight: number): Act {
  const command = `heddle split set reviews --v1-weight ${v1Weight} --wait`;
  return { what, command, until: EVERY_ACK, change: () => apply(parts, split(v1Weight)) };
}

function editPolicy(parts: StoryParts): Act {
  const timeoutMs = TIMEOUT_MS - 1_000;
  return {
    what: `policy of reviews: timeout_ms ${TIMEOUT_MS} -> ${timeoutMs}`,
    command: `heddle policy set reviews --timeout-ms ${timeoutMs} --wait`,
    until: EVERY_ACK,
    change: () => apply(parts, policy("reviews", timeoutMs)),
  };
}

function killControlPlane({ mesh }: StoryParts): Act {
  return {
    what: "kill -9 of the control plane",
    command: `kill -9 ${mesh.controlPlanePid}`,
    until: "it is gone",
    change: async () => {
      await mesh.killControlPlane();
      return undefined;
    },
  };
}

function restartReplica({ mesh }: StoryParts): Act {
  return {
    what: "restart of ratings-2 with its proxy",
    command: `kill ${mesh.pidOf("ratings-2")}; heddle run --service ratings --name ratings-2 ...`,
    until: "it serves again, from its disk",
    change: async () => {
      await mesh.restartInstance("ratings-2");
      return undefined;
    },
  };
}

function reviveControlPlane(parts: StoryParts): Act {
  return {
    what: "restart of the control plane",
    command: `heddle control-plane --db ${parts.mesh.folder}/mesh.db ...`,
    until: "every proxy is connected and current",
    change: async () => {
      await parts.mesh.startControlPlane();
      return allCurrent(parts.mesh, parts.signal);
    },
  };
}

function split(v1Weight: number): Resource {
  const fields: Fields = { destination_service: "reviews", v1_weight: v1Weight, v2_weight: 100 - v1Weight };
  return resourceOf("TrafficSplit", fields);
}

function policy(service: string, timeoutMs: number): Resource {
  return resourceOf("ServicePolicy", { service_name: service, retry_attempts: 3, timeout_ms: timeoutMs });
}
