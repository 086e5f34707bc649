import { RequestHead } from "../http1/message.ts";
import type { ForwardRuntime, RouteRuntime, RouteTable } from "../runtime/runtime.ts";
import type { LocalReason } from "./local-reply.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * What the configuration wants done with a request. A host that the mesh does not know leaves it, if the request names
 * it in absolute form, or by CONNECT, as to a forward proxy: a mere Host header is meant for the mesh, and a typing error in it should be
 * told and not sent out.
 */
export function findRoute(ctx: RequestContext): RouteRuntime | LocalReason {
  const { head, services } = ctx;
  const listener = ctx.runtime.listeners.get(services.routesOf);
  if (listener === undefined) return "no-config";
  const route = routeOf(listener.routes, head);
  if (route !== undefined) {
    ctx.routeName = route.name;
    return route;
  }
  const isForOutside = head.form === "absolute" || head.form === "authority";
  if (services.egress === undefined || !isForOutside || listener.routes.knowsHost(head)) return "no-route";
  ctx.routeName = "egress";
  return { name: "egress", action: services.egress.routeTo(head.authority), fault: undefined, rateLimit: undefined };
}

/** `OPTIONS *` is for the service that serves the root; a route leads to a service, which is no end of a tunnel. */
function routeOf(routes: RouteTable, head: RequestHead): RouteRuntime | undefined {
  if (head.form === "authority") return undefined;
  return routes.match(head.form === "asterisk" ? Object.assign(new RequestHead(), head, { path: "/" }) : head);
}

/** Settles the cluster for all attempts. Returns false when the route names one that is not there. */
export function chooseCluster(ctx: RequestContext, route: ForwardRuntime): boolean {
  const cluster = route.pickCluster(ctx.services.random.unit());
  ctx.route = route;
  ctx.cluster = cluster;
  if (cluster === undefined) return false;
  if (ctx.services.direction !== "inbound") {
    ctx.destination = cluster.service;
    ctx.version = cluster.version;
  }
  return true;
}
