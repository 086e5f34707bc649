import { Deadline, type DeadlineOwner, type TimerWheel } from "../../shared/timer-wheel.ts";
import type { Address } from "../../shared/address.ts";
import type { ResponseHead } from "../http1/message.ts";
import { requestHeadText } from "../http1/write-head.ts";
import {
  UpstreamConnection,
  type ConnectionOwner,
  type UpstreamFailure,
  type UpstreamOwner,
} from "./upstream-connection.ts";

export interface ProbeTarget {
  readonly address: Address;
  /** The Host to send. */
  readonly authority: string;
  readonly path: string;
  readonly timeoutMs: number;
}

/** Told once. `detail` is for people: the status, or how it failed. */
export interface ProbeOwner {
  onProbed(passed: boolean, detail: string): void;
}

/**
 * One health check: `GET path` over a connection of its own, so that it also finds out whether the endpoint still takes
 * new ones. A 2xx passes; anything else, and no answer in time, does not.
 */
export class HealthProbe implements UpstreamOwner, ConnectionOwner, DeadlineOwner {
  readonly wheel: TimerWheel;
  readonly #target: ProbeTarget;
  readonly #owner: ProbeOwner;
  readonly #deadline = new Deadline(this);
  readonly #connection: UpstreamConnection;
  #isDone = false;

  constructor(target: ProbeTarget, owner: ProbeOwner, wheel: TimerWheel) {
    this.#target = target;
    this.#owner = owner;
    this.wheel = wheel;
    wheel.arm(this.#deadline, target.timeoutMs);
    this.#connection = new UpstreamConnection(this, target.address, target.timeoutMs, this);
  }

  /** Nobody wants to know any more. */
  cancel(): void {
    this.#isDone = true;
    this.wheel.cancel(this.#deadline);
    this.#connection.abandon();
  }

  onConnected(): void {
    const { authority, path } = this.#target;
    this.#connection.beginRequest("GET", "");
    this.#connection.writer.text(
      requestHeadText({
        method: "GET",
        target: path,
        authority,
        headers: ["user-agent", "heddle-health"],
        framing: "none",
        contentLength: -1,
        extraLines: "",
        keepAlive: false,
        acceptsTrailers: false,
        expectsContinue: false,
        upgrade: "",
      }),
    );
    this.#connection.endRequest();
    this.#connection.flush();
  }

  onHead({ status }: ResponseHead): void {
    if (status >= 200) this.#end(status < 300, `answered ${status}`);
  }

  onBroken(failure: UpstreamFailure): void {
    this.#end(false, failure);
  }

  onDeadline(): void {
    this.#end(false, `no answer within ${this.#target.timeoutMs} ms`);
  }

  onBug(error: unknown): void {
    this.#end(false, `bug: ${String(error)}`);
  }

  #end(passed: boolean, detail: string): void {
    if (this.#isDone) return;
    this.cancel();
    this.#owner.onProbed(passed, detail);
  }

  // The head has said everything: the connection is closed with it.
  onBody(): void {}
  onEnd(): void {}
  onBatch(): void {}
  onTunnel(): void {}
  onWritable(): void {}
  onIdle(connection: UpstreamConnection): void {
    connection.abandon();
  }
  onClosed(): void {}
}
