import type { Route } from "../../control-plane/catalog/catalog.ts";

/**
 * Whether `earlier`, tried first, takes every request that `route` would. Sure cases only: two regular expressions are
 * compared as text, so a route that is not called shadowed may be so all the same.
 */
export function isShadowed(route: Route, earlier: Route): boolean {
  return (
    earlier.destinationService === route.destinationService &&
    (earlier.sourceService === null || earlier.sourceService === route.sourceService) &&
    coversPath(earlier, route) &&
    coversMethods(earlier.methods, route.methods) &&
    isSubset(earlier.headerMatch, route.headerMatch) &&
    isSubset(earlier.queryMatch, route.queryMatch)
  );
}

function coversPath(earlier: Route, route: Route): boolean {
  if (earlier.pathExact !== null) return earlier.pathExact === route.pathExact;
  if (earlier.pathRegex !== null) return earlier.pathRegex === route.pathRegex;
  if (earlier.pathPrefix === null || earlier.pathPrefix === "/") return true;
  const path = route.pathExact ?? route.pathPrefix;
  const prefix = earlier.pathPrefix.replace(/\/$/, "");
  return path !== null && (path === prefix || path.startsWith(`${prefix}/`));
}

function coversMethods(earlier: readonly string[], methods: readonly string[]): boolean {
  return earlier.length === 0 || (methods.length > 0 && methods.every((method) => earlier.includes(method)));
}

/** Fewer conditions match more requests: all of the earlier route's must be among the later one's. */
function isSubset(earlier: Route["headerMatch"], later: Route["headerMatch"]): boolean {
  return Object.entries(earlier ?? {}).every(([name, value]) => later?.[name] === value);
}
