import {
  status,
  type MethodDefinition,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
} from "@grpc/grpc-js";

import { AssertionFailed } from "../../shared/assert.ts";
import type { Logger } from "../../shared/log.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { refusal, toStatus, type Refusal } from "./refusal.ts";

/** A request as the port received it: bytes that are no message are an answer of ours, not an error of gRPC's. */
export type Received<Request> = Result<Request, string>;

/** What a handler knows of a call besides the request. */
export interface CallContext {
  readonly peer: string;
  /** Unix time in milliseconds at which the caller stops waiting; Infinity for never. */
  readonly deadlineWallMs: number;
  /** Aborts when the caller goes or its time is up. Made on demand: few handlers wait. */
  signal(): AbortSignal;
}

export type UnaryHandler<Request, Response> = (
  request: Request,
  context: CallContext,
) => Result<Response, Refusal> | Promise<Result<Response, Refusal>>;

/**
 * A service whose decoders never throw: @grpc/grpc-js would answer INTERNAL to bytes that are no message, which blames
 * us for the caller's mistake.
 */
export function forgivingDefinition(service: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, forgivingMethod(method)]));
}

// What a ServiceDefinition holds is untyped in @grpc/grpc-js itself.
type AnyMethod = ServiceDefinition[string];

function forgivingMethod(method: AnyMethod): AnyMethod {
  const receive = (bytes: Buffer): Received<unknown> => {
    try {
      return ok(method.requestDeserialize(bytes));
    } catch (error) {
      return err(error instanceof Error ? error.message : String(error));
    }
  };
  const forgiving: MethodDefinition<object, object> = { ...method, requestDeserialize: receive };
  return forgiving;
}

/** Runs one handler and turns whatever it returns or throws into one answer. */
export function unary<Request, Response>(handler: UnaryHandler<Request, Response>, log: Logger) {
  return (call: ServerUnaryCall<Received<Request>, Response>, callback: sendUnaryData<Response>): void => {
    answer(handler, call)
      .then((result) => (result.ok ? callback(null, result.value) : callback(toStatus(result.error))))
      .catch((error: unknown) => callback(toStatus(describeBug(error, log))));
  };
}

async function answer<Request, Response>(
  handler: UnaryHandler<Request, Response>,
  call: ServerUnaryCall<Received<Request>, Response>,
): Promise<Result<Response, Refusal>> {
  if (!call.request.ok) return err(refuseBytes(call.request.error));
  // The caller is gone or its time is up: what it asked for must not happen any more.
  if (call.cancelled) return err(refusal(status.CANCELLED, "the call ended before it was handled"));
  return await handler(call.request.value, contextOf(call));
}

export function refuseBytes(reason: string): Refusal {
  return refusal(status.INVALID_ARGUMENT, `the request is not a message of this method: ${reason}`);
}

/** Ours to mend: the caller learns that, the log has the stack. */
export function describeBug(error: unknown, log: Logger): Refusal {
  log.error({ err: error }, "a call failed through a bug");
  const words = error instanceof AssertionFailed ? error.message : "unexpected failure";
  return refusal(status.INTERNAL, `a bug of the control plane: ${words}; its log has the details`);
}

function contextOf(call: ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>): CallContext {
  const deadline = call.getDeadline();
  return {
    peer: call.getPeer(),
    deadlineWallMs: deadline instanceof Date ? deadline.getTime() : deadline,
    signal() {
      const ended = new AbortController();
      if (call.cancelled) ended.abort();
      call.once("cancelled", () => ended.abort());
      return ended.signal;
    },
  };
}
