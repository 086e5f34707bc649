import { ADMITTED } from "../policy/rate-limit.ts";
import type { RouteRuntime } from "../runtime/runtime.ts";
import { readPropagation } from "./propagate.ts";
import { replyRateLimited } from "./reply-locally.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * Whether the route lets the request in; the first refusal wins. Undefined: it does. Else it has been answered, and the
 * value says whether the connection lives on. Hot.
 */
export function admit(ctx: RequestContext, route: RouteRuntime): boolean | undefined {
  const limit = route.rateLimit;
  if (limit === undefined) return undefined;
  // The caller's name comes with the headers of the trace.
  if (limit.isByClient && ctx.traceId === "") readPropagation(ctx);
  const key = limit.key(ctx.head, ctx.source, ctx.downstream.sourceIp);
  const { rateLimits, clock, news } = ctx.services;
  const waitMs = rateLimits.of(limit).admit(key, limit.rate, clock.nowMs());
  if (waitMs !== ADMITTED) return replyRateLimited(ctx, limit.refusalLines(waitMs));
  news?.onToken(limit.stateKey, key);
  return undefined;
}
