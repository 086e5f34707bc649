import type { ForwardRuntime } from "../runtime/runtime.ts";
import { readPropagation } from "./propagate.ts";
import type { RequestContext } from "./request-context.ts";

// Hot: once per request.
/**
 * How long the request may take, and on whose behalf it is made: the shortest of what the route allows, what the caller says,
 * and what is left of the request that the app is answering with it. So a deadline only ever shrinks on its way.
 */
export function settleTime(ctx: RequestContext, route: ForwardRuntime): void {
  const { calls, clock, direction } = ctx.services;
  // A caller that still sends has not begun to wait.
  if (ctx.body.isComplete) ctx.incomingDeadlineMs = Math.max(0, ctx.incomingDeadlineMs - ctx.waitedMs);
  ctx.timeoutMs = Math.min(route.timeoutMs === 0 ? Infinity : route.timeoutMs, ctx.incomingDeadlineMs);
  if (direction === "inbound") {
    // While it is still coming its time has not begun, nor has that of the calls which the app makes meanwhile.
    const deadlineAtMs = ctx.body.isComplete ? clock.nowMs() + ctx.timeoutMs : Infinity;
    ctx.call = calls.enter(ctx.traceId, ctx.incomingAttempt, deadlineAtMs);
    return;
  }
  const call = calls.find(ctx.traceId);
  if (call === undefined) return;
  ctx.call = call;
  ctx.incomingAttempt = Math.max(ctx.incomingAttempt, call.attempt);
  ctx.incomingDeadlineMs = Math.min(ctx.incomingDeadlineMs, Math.max(0, call.deadlineAtMs - clock.nowMs()));
  ctx.timeoutMs = Math.min(ctx.timeoutMs, ctx.incomingDeadlineMs);
}

/** The request is refused before its route is looked for: the one that it is made for has to hear of that, too. */
export function findCall(ctx: RequestContext): void {
  const { calls, direction } = ctx.services;
  if (direction === "inbound") return;
  if (ctx.traceId === "") readPropagation(ctx);
  ctx.call = calls.find(ctx.traceId);
}

/** The request has come whole: from now on its time runs. Returns it; Infinity for no limit. */
export function startTime(ctx: RequestContext): number {
  ctx.deadlineAtMs = ctx.services.clock.nowMs() + ctx.timeoutMs;
  const { call } = ctx;
  if (call !== undefined && ctx.direction === "inbound") {
    const isAlone = call.requests === 1;
    call.deadlineAtMs = isAlone ? ctx.deadlineAtMs : Math.max(call.deadlineAtMs, ctx.deadlineAtMs);
  }
  return ctx.timeoutMs;
}

/** What is left of the time that the caller gives. To be asked before {@link extendTime}. */
export function callerLeftMs({ incomingDeadlineMs, deadlineAtMs, timeoutMs, services }: RequestContext): number {
  if (deadlineAtMs === Infinity) return incomingDeadlineMs;
  const receivedMs = deadlineAtMs - timeoutMs;
  return receivedMs + incomingDeadlineMs - services.clock.nowMs();
}

/**
 * Something else is asked in place of the service: it gets at least so long, if the caller waits so long. Returns what it
 * gets.
 */
export function extendTime(ctx: RequestContext, leastMs: number): number {
  const leftMs = Math.min(Math.max(ctx.remainingMs(), leastMs), callerLeftMs(ctx));
  ctx.deadlineAtMs = ctx.services.clock.nowMs() + leftMs;
  return leftMs;
}

/** The request has become a tunnel, which has no end of time; nor have the calls that the app makes for it. */
export function stopTime(ctx: RequestContext): void {
  ctx.timeoutMs = Infinity;
  ctx.deadlineAtMs = Infinity;
  if (ctx.call !== undefined && ctx.direction === "inbound") ctx.call.deadlineAtMs = Infinity;
}

/** The request has ended. */
export function leaveCall({ call, services, traceId }: RequestContext): void {
  if (call !== undefined && services.direction === "inbound") services.calls.leave(traceId, call);
}
