import { Option, type Command } from "commander";

import type { Cli } from "../terminal.ts";
import { collect, examples } from "./shared-options.ts";

interface Flags {
  readonly file: readonly string[];
}

/** `heddle node`: the sidecar as a filter of JSON lines. */
export function addNode(program: Command, cli: Cli): void {
  const command = program
    .command("node")
    .helpGroup("Life:")
    .summary("answer JSON messages on stdin as a sidecar would")
    .description(
      "Reads one JSON message a line from stdin and answers each with one line on stdout, with the mesh's " +
        "own circuit breaker, registry and trace ids. Messages are flat, or in an envelope {src, dest, body}:\n\n" +
        "  {type: call, msg_id}      also service, proxy, circuit_breaker,\n" +
        "                            force_failures, base_ms, traceparent\n" +
        "                            -> proxied, circuit_breaker_open or call_failed\n" +
        "  {type: discover, msg_id, service}\n" +
        "                            -> discovered, with the healthy instances\n\n" +
        "Anything else gets {type: error}, and the next line is read. Exit code 0 when stdin ends.",
    )
    .addOption(
      new Option("-f, --file <path>", "YAML or JSON file or folder with endpoints and policies; repeatable")
        .argParser(collect)
        .default([], "a service-b with two instances"),
    );
  examples(command, [
    `echo '{"type": "call", "msg_id": 1, "path": "/api/users/123", "proxy": true}' | heddle node`,
    `echo '{"type": "discover", "msg_id": 2, "service": "service-b"}' | heddle node`,
    `echo '{"type": "call", "msg_id": 3, "force_failures": 6, "circuit_breaker": true}' | heddle node`,
    "heddle node -f mesh.yaml < messages.jsonl",
  ]);
  command.action((flags: Flags) => node(cli, flags));
}

async function node(cli: Cli, flags: Flags): Promise<void> {
  const { setTimeout: wait } = await import("node:timers/promises");
  const { systemClock } = await import("../../shared/clock.ts");
  const { systemIds, systemRandom } = await import("../../shared/random.ts");
  const { answerLines } = await import("../node/answer-lines.ts");
  const { registryFrom } = await import("../node/registry.ts");
  const { SidecarNode } = await import("../node/sidecar-node.ts");
  const registry = await registryFrom(flags.file, cli.terminal);
  const services = { registry, clock: systemClock, random: systemRandom, ids: systemIds, wait };
  await answerLines(new SidecarNode(services), process.stdin, process.stdout);
}
