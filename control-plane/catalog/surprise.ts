import type { ServicePolicy } from "./service-policy.ts";

/** Something that is right by itself, and seldom meant. */
export interface Surprise {
  /** A clause that names the columns, without the name of the row. */
  readonly text: string;
  /** The command that mends it; undefined: there is nothing to mend, only to know. */
  readonly mend: string | undefined;
}

export function surprise(text: string, mend?: string): Surprise {
  return { text, mend };
}

/** Gives columns their defaults again. */
export function unsetting({ serviceName }: Pick<ServicePolicy, "serviceName">, ...columns: readonly string[]): string {
  return `heddle policy set ${serviceName} ${columns.map((column) => `--unset ${column}`).join(" ")}`;
}

export function setting({ serviceName }: Pick<ServicePolicy, "serviceName">, flags: string): string {
  return `heddle policy set ${serviceName} ${flags}`;
}
