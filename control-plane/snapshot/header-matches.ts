import type { HeaderMatch } from "../../shared/model/route.ts";

/** A header that must be equal. */
export function headerMatch(name: string, value: string): HeaderMatch {
  return { name, value: exactly(value), invert: false, treatMissingAsEmpty: false };
}

/** All of a row's header pairs. */
export function headerMatches(wanted: Readonly<Record<string, string>> | null): readonly HeaderMatch[] {
  return Object.entries(wanted ?? {}).map(([name, value]) => headerMatch(name, value));
}

export function exactly(value: string): { readonly kind: "exact"; readonly value: string; readonly ignoreCase: false } {
  return { kind: "exact", value, ignoreCase: false };
}
