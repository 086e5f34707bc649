import { violation, type Violation } from "../violation.ts";

/** The number, with a violation unless it lies in the range: a double can also be NaN or infinite. */
export function readWithin(
  value: number,
  range: { readonly min: number; readonly max: number },
  path: string,
  found: Violation[],
): number {
  if (!(value >= range.min && value <= range.max)) {
    found.push(violation(path, `${value} is not in ${range.min}-${range.max}`));
  }
  return value;
}

/** What a uint32 holds. */
export const ANY_COUNT = { min: 0, max: 0xffff_ffff } as const;
/** The same without 0, of which nothing could ever come. */
export const SOME = { min: 1, max: 0xffff_ffff } as const;
export const PERCENT = { min: 0, max: 100 } as const;
