import { Option, type Command } from "commander";

import { usageError } from "../cli-error.ts";
import type { Cli } from "../terminal.ts";
import { examples, serverOption } from "./shared-options.ts";

interface Flags {
  readonly server: string;
  readonly list?: true;
}

export function addCall(program: Command, cli: Cli): void {
  const command = program
    .command("call")
    .helpGroup("Changes:")
    .summary("call any method of the admin API with JSON")
    .description(
      "Calls any method of a gRPC server that has reflection. Fields have their proto names. A stream prints one object " +
        "a line until it ends.",
    )
    .argument("[method]", "SERVICE/METHOD, or only METHOD when no other service has it")
    .argument("[json]", "the request; - reads it from stdin", "{}")
    .addOption(serverOption())
    .addOption(new Option("--list", "list the methods of the server"));
  examples(command, [
    "heddle call --list",
    "heddle call ListProxies",
    `heddle call heddle.admin.v1.TrafficSplits/Get '{"destination_service": "reviews"}'`,
    "heddle call Mesh/WaitForRevision '{}'",
  ]);
  command.action((method: string | undefined, json: string, flags: Flags) => call(cli, [method, json], flags));
}

async function call(cli: Cli, [method, json]: readonly [string | undefined, string], flags: Flags): Promise<void> {
  const { callMethod, listMethods } = await import("../api/reflected-call.ts");
  const { reflectedMethods } = await import("../api/reflection.ts");
  if (method === undefined && flags.list !== true) {
    throw usageError("which method?", "heddle call --list");
  }
  const methods = await reflectedMethods(flags.server);
  if (method === undefined || flags.list === true) return cli.terminal.out(listMethods(methods));
  const text = json === "-" ? await cli.terminal.readStdin() : json;
  await callMethod(flags.server, { methods, method, text }, (line) => cli.terminal.out(line));
}
