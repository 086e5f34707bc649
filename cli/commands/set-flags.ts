import { columnOf } from "../../control-plane/catalog/field.ts";
import type { Format } from "../output/formats.ts";
import type { MutationFlags } from "./mutation-options.ts";

export interface SetFlags extends MutationFlags {
  readonly server: string;
  readonly output: Format;
  readonly unset?: readonly string[];
  /** Values of the columns, by property name, as typed. */
  readonly [property: string]: unknown;
}

/** The flag of a column: `v1Weight` is `--v1-weight`. */
export function flagOf(property: string): string {
  return columnOf(property).replaceAll("_", "-");
}
