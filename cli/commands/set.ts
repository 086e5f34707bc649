import { InvalidArgumentError, Option, type Command } from "commander";

import { KINDS, type Kind } from "../../control-plane/catalog/catalog.ts";
import { describeField, type Field } from "../../control-plane/catalog/field.ts";
import { settingGroups } from "../documents/column-groups.ts";
import { KEY_FORMS } from "../documents/parse-key.ts";
import { shortName } from "../documents/kind-names.ts";
import { outputOption } from "../output/formats.ts";
import type { Cli } from "../terminal.ts";
import { deleteRows, type DeleteFlags } from "./delete.ts";
import { get, list, type ReadFlags } from "./get.ts";
import { addMutationOptions } from "./mutation-options.ts";
import { flagOf, type SetFlags } from "./set-flags.ts";
import { collect, examples, serverOption } from "./shared-options.ts";

const EXAMPLES: Readonly<Record<Kind, readonly string[]>> = {
  ServicePolicy: [
    "heddle policy set reviews --timeout-ms 800 --retry-attempts 2",
    "heddle policy set reviews --fault-abort-percent 10 --fault-abort-status 503 --fault-duration-sec 60 --wait",
    "heddle policy set reviews --rate-limit-requests 100 --rate-limit-by header:x-user",
    "heddle policy set reviews --unset per-try-timeout-ms",
  ],
  ServiceEndpoint: [
    "heddle endpoint set reviews/127.0.0.1:9101 --version v1",
    "heddle endpoint set reviews/127.0.0.1:9101 --healthy false",
    "heddle endpoint set reviews/127.0.0.1:9101 --weight 10 --dry-run",
  ],
  TrafficSplit: [
    "heddle split set reviews --v2-weight 10",
    "heddle split set web:reviews --v1-weight 0 --wait --reason 'v2 for everyone'",
    "heddle split set reviews --header-match x-canary=true",
  ],
  Route: [
    "heddle route set reviews-api --destination-service reviews --path-prefix /api --timeout-ms 500",
    "heddle route set beta --destination-service reviews --header-match x-beta=1 --destinations '[{service: reviews, version: v2}]'",
    "heddle route set gone --destination-service reviews --path-exact /old --direct-response '{status: 410}'",
  ],
};

/** `heddle policy|endpoint|split|route set|get|list|delete`. */
export function addNouns(program: Command, cli: Cli): void {
  for (const kind of KINDS) addNoun(program, cli, kind);
}

function addNoun(program: Command, cli: Cli, kind: Kind): void {
  const name = shortName(kind);
  const noun = program
    .command(name)
    .helpGroup("Resources:")
    .summary(`set, get, list, delete a ${kind}`)
    .description(`Works on ${kind} rows. Keys are written ${KEY_FORMS[kind]}.`);
  examples(noun, EXAMPLES[kind]);
  addSet(noun, cli, kind);
  noun
    .command("get")
    .summary("show one row")
    .description(`Shows one ${kind}.`)
    .argument("<key>", KEY_FORMS[kind])
    .addOption(serverOption())
    .addOption(outputOption())
    .action((key: string, flags: ReadFlags) => get(cli, [name, key], flags));
  noun
    .command("list")
    .summary("list all rows")
    .description(`Lists every ${kind}.`)
    .addOption(serverOption())
    .addOption(outputOption())
    .action((flags: ReadFlags) => list(cli, name, flags));
  addMutationOptions(
    noun
      .command("delete")
      .summary("delete rows")
      .description(`Deletes ${kind} rows.`)
      .argument("<keys...>", KEY_FORMS[kind])
      .addOption(serverOption())
      .addOption(outputOption()),
  ).action((keys: readonly string[], flags: DeleteFlags) => deleteRows(cli, [name, ...keys], flags));
}

function addSet(noun: Command, cli: Cli, kind: Kind): void {
  const command = noun
    .command("set")
    .summary("change columns of one row")
    .description(
      `Changes the named columns of one ${kind} and leaves the others as they are; makes the row when there is none. ` +
        "Prints what changed.",
    )
    .argument("<key>", KEY_FORMS[kind]);
  for (const [heading, group] of settingGroups(kind)) {
    command.optionsGroup(`${heading}:`);
    for (const [property, field] of group) command.addOption(columnOption(property, field));
  }
  command
    .optionsGroup("Options:")
    .addOption(new Option("--unset <column>", "give this column its default again; repeatable").argParser(collect))
    .addOption(serverOption())
    .addOption(outputOption());
  addMutationOptions(command);
  examples(command, EXAMPLES[kind]);
  command.action(async (key: string, flags: SetFlags) => {
    const { setColumns } = await import("./set-columns.ts");
    await setColumns(cli, { kind, key, flags });
  });
}

function columnOption(property: string, field: Field): Option {
  const option = new Option(`--${flagOf(property)} <${placeholder(field)}>`, describeField(field));
  switch (field.shape.type) {
    case "pairs":
      return option.argParser(collect);
    case "integer":
      return option.argParser(wholeNumber);
    case "boolean":
      return option.argParser(trueOrFalse);
    default:
      return option;
  }
}

function placeholder(field: Field): string {
  switch (field.shape.type) {
    case "integer":
      return "n";
    case "boolean":
      return "true|false";
    case "pairs":
      return "name=value";
    case "methods":
      return "GET,POST";
    case "words":
      return "word,word";
    case "integers":
      return "n,n";
    case "record":
    case "records":
      return "yaml";
    default:
      return "text";
  }
}

// Whether the number is in range is said by the control plane, together with everything else that is wrong.
function wholeNumber(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError("it is a whole number.");
  return Number(text);
}

function trueOrFalse(text: string): boolean {
  if (text !== "true" && text !== "false") throw new InvalidArgumentError("it is true or false.");
  return text === "true";
}
