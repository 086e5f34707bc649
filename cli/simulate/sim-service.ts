import type { SimWorld } from "./sim-world.ts";

/** A request on its way through the simulated mesh. */
export interface SimRequest {
  /** Of the attempt that carries it, on any hop so far: above 1 it is a repetition (`x-heddle-attempt`). */
  readonly isRepeated: boolean;
  /** When its caller gives up; Infinity when nobody said. */
  readonly deadlineMs: number;
}

export interface SimAnswer {
  readonly status: number;
  /** Somebody below has retried it already (`x-heddle-retried`). */
  readonly isRetried: boolean;
  /** Somebody below had no room for it, or kept it from a service that is not well (`x-heddle-overloaded`). */
  readonly isOverloaded: boolean;
}

export const OK: SimAnswer = { status: 200, isRetried: false, isOverloaded: false };
export const FAILED: SimAnswer = { ...OK, status: 503 };

/** The way to the service that this one calls. */
export interface NextService {
  /** `done` is called once. */
  call(request: SimRequest, done: (answer: SimAnswer) => void): void;
}

/** How a replica does at a time: by what its own work is slower, and whether it fails. */
export interface Condition {
  readonly slowness: number;
  readonly fails: boolean;
}

export type Script = (nowMs: number, replica: number) => Condition;

export const WELL: Condition = { slowness: 1, fails: false };

export interface ServiceShape {
  readonly name: string;
  readonly replicas: number;
  /** Requests that one replica works on at once. */
  readonly workers: number;
  /** Requests that wait for a worker; beyond it a request is refused with 503. */
  readonly queueMax: number;
  /** Median of its own work. */
  readonly workMs: number;
  readonly sigma: number;
  readonly script: Script;
}

/** One instance of a service: works on a few requests at a time, then asks the next service, if there is one. */
export class Replica {
  arrived = 0;
  readonly #world: SimWorld;
  readonly #shape: ServiceShape;
  readonly #number: number;
  /** Its proxy's way to the next service. */
  readonly #next: NextService | undefined;
  /** Those before `#first` have been taken: a queue may be long, and to shift it would move all of it. */
  #queue: (() => void)[] = [];
  #first = 0;
  #working = 0;

  constructor(world: SimWorld, shape: ServiceShape, number: number, next: NextService | undefined) {
    this.#world = world;
    this.#shape = shape;
    this.#number = number;
    this.#next = next;
  }

  get isIdle(): boolean {
    return this.#working === 0 && this.#waiting === 0;
  }

  /** Settles one day, whether or not anybody still waits for the answer: a service cannot know. */
  handle(request: SimRequest, done: (answer: SimAnswer) => void): void {
    this.arrived += 1;
    if (this.#working < this.#shape.workers) this.#work(request, done);
    else if (this.#waiting < this.#shape.queueMax) this.#queue.push(() => this.#work(request, done));
    else done(FAILED);
  }

  get #waiting(): number {
    return this.#queue.length - this.#first;
  }

  #takeNext(): void {
    const next = this.#queue[this.#first];
    if (next === undefined) return;
    this.#first += 1;
    if (this.#first === this.#queue.length) {
      this.#queue = [];
      this.#first = 0;
    }
    next();
  }

  #work(request: SimRequest, done: (answer: SimAnswer) => void): void {
    this.#working += 1;
    const { workMs, sigma, script } = this.#shape;
    const { slowness, fails } = script(this.#world.nowMs(), this.#number);
    this.#world.after(this.#world.latencyMs(workMs * slowness, sigma), () => {
      if (fails) this.#answer(FAILED, done);
      else if (this.#next === undefined) this.#answer(OK, done);
      else this.#next.call(request, (answer) => this.#answer(answer, done));
    });
  }

  #answer(answer: SimAnswer, done: (answer: SimAnswer) => void): void {
    this.#working -= 1;
    this.#takeNext();
    done(answer);
  }
}
