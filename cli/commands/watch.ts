import { type Command } from "commander";

import { KINDS, type Kind } from "../../control-plane/catalog/catalog.ts";
import type { WatchEvent } from "../../shared/wire/admin-api.ts";
import type { AdminClient } from "../api/admin-client.ts";
import { CliError } from "../cli-error.ts";
import { KIND_ARGUMENT, parseKind } from "../documents/kind-names.ts";
import { EXIT } from "../exit-code.ts";
import { outputOption } from "../output/formats.ts";
import { paintFor } from "../output/paint.ts";
import { stopSignal } from "../run/stop-signal.ts";
import type { Cli } from "../terminal.ts";
import type { ReadFlags } from "./get.ts";
import { examples, serverOption, withClient } from "./shared-options.ts";

export function addWatch(program: Command, cli: Cli): void {
  const command = program
    .command("watch")
    .helpGroup("Resources:")
    .summary("follow changes as they are committed")
    .description("Prints every present resource, then each change as it is committed. Ends with Ctrl-C.")
    .argument("[kind]", `${KIND_ARGUMENT}; all kinds when left out`)
    .addOption(serverOption())
    .addOption(outputOption());
  examples(command, ["heddle watch", "heddle watch splits", "heddle watch endpoints -o json"]);
  command.action((kind: string | undefined, flags: ReadFlags) => watch(cli, kind, flags));
}

async function watch(cli: Cli, kindName: string | undefined, flags: ReadFlags): Promise<void> {
  const kinds = kindName === undefined ? KINDS : [parseKind(kindName)];
  await withClient(flags.server, async (client) => {
    await Promise.race([stopSignal(), ...kinds.map((kind) => follow(cli, client, kind, flags))]);
  });
}

async function follow(cli: Cli, client: AdminClient, kind: Kind, flags: ReadFlags): Promise<void> {
  const { documentChange } = await import("../api/report-mutation.ts");
  const { renderChange } = await import("../documents/diff-documents.ts");
  const paint = paintFor(cli.terminal.hasColor);
  for await (const event of client.watch(kind)) {
    if (flags.output === "json" || flags.output === "yaml") await printEvent(cli, kind, event, flags.output);
    else if (event.synced) cli.terminal.note(`-- ${kind} up to r${event.revision}; waiting for changes`);
    else if (event.change !== undefined) {
      cli.terminal.out(`r${event.revision} ${renderChange(documentChange(event.change), paint)}`);
    }
  }
  throw new CliError(`the control plane at ${flags.server} ended the watch`, EXIT.unreachable, ["heddle check"]);
}

/** One object a line (or a YAML document), so that a program can read them as they come. */
async function printEvent(cli: Cli, kind: Kind, event: WatchEvent, output: "json" | "yaml"): Promise<void> {
  const { documentChange } = await import("../api/report-mutation.ts");
  const change = event.change === undefined ? { kind } : documentChange(event.change);
  const data = { revision: Number(event.revision), synced: event.synced, ...change };
  if (output === "json") return cli.terminal.out(`${JSON.stringify(data)}\n`);
  const { stringify } = await import("yaml");
  cli.terminal.out(`---\n${stringify(data)}`);
}
