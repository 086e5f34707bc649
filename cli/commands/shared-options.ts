import { InvalidArgumentError, type Command, type Option } from "commander";

import { formatAddress, parseAddress, type Address } from "../../shared/address.ts";
import { ADMIN_API_PORT } from "../../shared/defaults.ts";
import { EXIT } from "../exit-code.ts";
import { CliError } from "../cli-error.ts";
import type { AdminClient } from "../api/admin-client.ts";
import { flag } from "../flag.ts";

/** Where the admin API is. Variable HEDDLE_SERVER. */
export function serverOption(): Option {
  return flag("-s, --server <host:port>", "admin API of the control plane")
    .argParser(readHostPort)
    .default(`127.0.0.1:${ADMIN_API_PORT}`);
}

/** For commander: `HOST:PORT` as text, so that defaults and variables look the same in help. */
export function readHostPort(text: string): string {
  return formatAddress(readAddress(text));
}

export function readAddress(text: string): Address {
  const address = parseAddress(text);
  if (!address.ok) throw new InvalidArgumentError(`${address.error}.`);
  return address.value;
}

/** Opens a client for the time of `use`. Imports gRPC only now: `--help` does not need it. */
export async function withClient<T>(server: string, use: (client: AdminClient) => Promise<T>): Promise<T> {
  const { adminClient } = await import("../api/admin-client.ts");
  const client = adminClient(server);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** For commands that a proxy can answer as well: says so when the control plane is dead. */
export function orAskProxy(example: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof CliError) || error.exitCode !== EXIT.unreachable) throw error;
    const remedies = [...error.remedies, `or ask a proxy, which still knows: ${example}`];
    throw new CliError(error.message, error.exitCode, remedies);
  };
}

/** Runnable lines below the help of a command. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  $ ${line}\n`).join("")}`);
}

/** For repeatable flags: `-f a -f b` gives both. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

export function notFound(what: string, ...remedies: readonly string[]): CliError {
  return new CliError(`${what} does not exist`, EXIT.failed, remedies);
}

/** For commander: a whole number in this range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`it is a whole number from ${min} to ${max}.`);
  };
}
