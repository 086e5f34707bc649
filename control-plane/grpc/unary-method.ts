import { status } from "@grpc/grpc-js";

import type { Result } from "../../shared/result.ts";
import type { CallEnd } from "./call-end.ts";
import type { CallReceiver, GrpcCall } from "./grpc-call.ts";
import type { Method } from "./grpc-endpoint.ts";
import { messageFrame } from "./message-frame.ts";

/** The part of a generated method that tells its bytes. */
export interface UnaryDefinition<Q, A> {
  readonly path: string;
  readonly requestDeserialize: (bytes: Buffer) => Q;
  readonly responseSerialize: (answer: A) => Buffer;
}

/** `signal` aborts when the caller is gone or its deadline has passed. */
export type UnaryHandler<Q, A> = (request: Q, signal: AbortSignal) => Promise<Result<A, CallEnd>>;

/** One request, one answer. */
export function unaryMethod<Q, A>(definition: UnaryDefinition<Q, A>, handler: UnaryHandler<Q, A>): Method {
  return { path: definition.path, accept: (call) => new UnaryCall(call, definition, handler) };
}

class UnaryCall<Q, A> implements CallReceiver {
  readonly #call: GrpcCall;
  readonly #definition: UnaryDefinition<Q, A>;
  readonly #handler: UnaryHandler<Q, A>;
  readonly #gone = new AbortController();
  #request: Buffer | undefined = undefined;

  constructor(call: GrpcCall, definition: UnaryDefinition<Q, A>, handler: UnaryHandler<Q, A>) {
    this.#call = call;
    this.#definition = definition;
    this.#handler = handler;
  }

  onMessage(bytes: Buffer): void {
    if (this.#request === undefined) this.#request = Buffer.from(bytes);
    else this.#call.end({ code: status.INTERNAL, details: "this method takes one message" });
  }

  onHalfClose(): void {
    if (this.#request === undefined) this.#call.end({ code: status.INTERNAL, details: "this method takes a message" });
    else void this.#answer(this.#request);
  }

  onDrain(): void {
    // One answer is all that is ever written.
  }

  onClosed(): void {
    this.#gone.abort();
  }

  async #answer(bytes: Buffer): Promise<void> {
    const request = this.#read(bytes);
    if (request === undefined) return;
    try {
      const answer = await this.#handler(request, this.#gone.signal);
      if (!answer.ok) return this.#call.end(answer.error);
      this.#call.write(messageFrame(this.#definition.responseSerialize(answer.value)));
      this.#call.end({ code: status.OK, details: "" });
    } catch (error) {
      this.#call.end({ code: status.INTERNAL, details: String(error) });
    }
  }

  #read(bytes: Buffer): Q | undefined {
    try {
      return this.#definition.requestDeserialize(bytes);
    } catch (error) {
      this.#call.end({ code: status.INVALID_ARGUMENT, details: `the request cannot be read: ${String(error)}` });
      return undefined;
    }
  }
}
