import { InvalidArgumentError, type Command } from "commander";

import { AUTHOR_CHARS_MAX, REASON_CHARS_MAX } from "../../shared/limits.ts";
import { WAIT_SEC } from "../../shared/defaults.ts";
import type { MutationOptions } from "../../shared/wire/admin-api.ts";
import { defaultAuthor } from "../config.ts";
import { flag } from "../flag.ts";

/** The flags that every command which changes something takes. */
export interface MutationFlags {
  readonly dryRun?: true;
  /** Seconds; true for the default. */
  readonly wait?: number | true;
  readonly reason?: string;
  readonly author?: string;
  readonly expectedRevision?: bigint;
  readonly force?: true;
}

export function addMutationOptions(command: Command): Command {
  return command
    .addOption(flag("--dry-run", "validate and show what would change; store nothing"))
    .addOption(
      flag("--wait [seconds]", `wait until every connected proxy has acknowledged (default ${WAIT_SEC} s)`).argParser(
        parseSeconds,
      ),
    )
    .addOption(flag("--reason <text>", "why, kept in the history").argParser(atMost(REASON_CHARS_MAX)))
    .addOption(
      flag("--author <name>", "who, kept in the history (default user@host)").argParser(atMost(AUTHOR_CHARS_MAX)),
    )
    .addOption(flag("--expected-revision <rN>", "refuse when anything was changed since").argParser(parseRevision))
    .addOption(flag("--force", "allow what leaves a service without, or with less than half of, its endpoints"));
}

export function mutationOptions(flags: MutationFlags): MutationOptions {
  return {
    dryRun: flags.dryRun === true,
    expectedRevision: flags.expectedRevision ?? 0n,
    author: flags.author ?? defaultAuthor(),
    reason: flags.reason ?? "",
    force: flags.force === true,
  };
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 3_600)) throw new InvalidArgumentError("it is a number of seconds, up to 3600.");
  return seconds;
}

/** `42` or `r42`. */
export function parseRevision(text: string): bigint {
  const digits = /^r?(\d{1,18})$/.exec(text)?.[1];
  if (digits === undefined) throw new InvalidArgumentError("it is a revision such as r42.");
  return BigInt(digits);
}

function atMost(chars: number): (text: string) => string {
  return (text) => {
    if (text.length > chars) throw new InvalidArgumentError(`it has ${text.length} characters; at most ${chars}.`);
    return text;
  };
}
