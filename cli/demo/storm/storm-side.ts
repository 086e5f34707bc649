import type { Random } from "../../../shared/random.ts";
import { askProxy } from "../../api/proxy-admin.ts";
import { CliError } from "../../cli-error.ts";
import { allCurrent } from "../all-current.ts";
import { DemoMesh } from "../demo-mesh.ts";
import { OpenLoopLoad, type Outcome } from "../open-loop.ts";
import { warmUp } from "../warm-up.ts";
import { instancesOf, policiesOf, type SideName } from "./chain.ts";
import { SideTally, type Ending } from "./side-tally.ts";

/** A request may wait this long, all tries of all hops included. */
const REQUEST_TIMEOUT_MS = 10_000;

export interface SideOptions {
  readonly name: SideName;
  /** Requests of the client per second. */
  readonly rate: number;
  readonly random: Random;
}

/** One side of the storm: a mesh of its own, the client's traffic, and the count of both. */
export class StormSide {
  readonly name: SideName;
  readonly tally = new SideTally();
  readonly mesh: DemoMesh;
  readonly load: OpenLoopLoad;
  /** Of ratings, as the proxy of its caller tells it. */
  breaker = "";

  constructor({ name, rate, random }: SideOptions) {
    this.name = name;
    this.mesh = new DemoMesh(instancesOf(name, rate), (service, ids) => {
      if (service === "ratings") this.tally.onReached(performance.now(), ids.length);
    });
    this.load = new OpenLoopLoad({
      rate,
      target: () => this.mesh.entrance("web-1", "outbound"),
      timeoutMs: REQUEST_TIMEOUT_MS,
      plan: () => {
        this.tally.onSent(performance.now());
        return { method: "GET", host: "products", path: `/products/${random.below(1_000)}` };
      },
      onOutcome: (outcome) => {
        this.tally.onEnding(outcome.sequence, endingOf(outcome), outcome.latencyMs);
        if (outcome.failure !== undefined) this.tally.onFailure(outcome.failure);
      },
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.mesh.startControlPlane();
    signal.throwIfAborted();
    const options = { author: "demo", reason: this.name, dryRun: false, expectedRevision: 0n, force: true };
    await this.mesh.admin.applyBundle({ resources: [...policiesOf(this.name)], deletions: [], options });
    await this.mesh.startInstances();
    await allCurrent(this.mesh, signal);
    await warmUp(this.mesh.entrance("web-1", "outbound"), "products", signal);
  }

  /** What is told of a breaker is of the moment: a proxy that does not answer in time is asked again. */
  async askBreaker(): Promise<void> {
    const answer = await askProxy(this.mesh.addressOf("reviews-1", "admin"), "/clusters").catch(noAnswer);
    const ratings = answer?.clusters.find(({ service }) => service === "ratings");
    this.breaker = ratings?.policies?.breaker?.state ?? "";
  }
}

function noAnswer(error: unknown): undefined {
  if (!(error instanceof CliError)) throw error;
  return undefined;
}

/** The answer names everyone who took part. */
function endingOf({ failure, body }: Outcome): Ending {
  if (failure !== undefined) return "failed";
  return body.includes("ratings v1") ? "full" : "fallback";
}
