import type { Kind } from "../../control-plane/catalog/catalog.ts";
import { columnOf, type Shape } from "../../control-plane/catalog/field.ts";
import type { RowKey } from "../../control-plane/catalog/row-key.ts";
import type { MutationResult } from "../../shared/wire/admin-api.ts";
import type { AdminClient } from "../api/admin-client.ts";
import { reportMutation } from "../api/report-mutation.ts";
import { CliError, inputError, usageError } from "../cli-error.ts";
import type { Fields } from "../documents/diff-documents.ts";
import { rowFromDocument } from "../../control-plane/catalog/document.ts";
import { settings } from "../documents/column-groups.ts";
import { shortName } from "../documents/kind-names.ts";
import { parseKey } from "../documents/parse-key.ts";
import { documentOf, resourceOf } from "../documents/resource-document.ts";
import type { Cli } from "../terminal.ts";
import { mutationOptions } from "./mutation-options.ts";
import { flagOf, type SetFlags } from "./set-flags.ts";
import { withClient } from "./shared-options.ts";

/** Someone else's change between our read and our write: read again, this often. */
const TRIES = 5;

interface Wish {
  readonly kind: Kind;
  readonly key: string;
  readonly flags: SetFlags;
}

/**
 * Read, modify, write: the admin API replaces whole rows (a PUT), people change one column (seeds.md C17). The write
 * names the revision that was read, so that a change in between is never lost.
 */
export async function setColumns(cli: Cli, wish: Wish): Promise<void> {
  const { kind, flags } = wish;
  const key = parseKey(kind, wish.key);
  const changes = await typedColumns(wish);
  if (Object.keys(changes).length === 0) {
    throw usageError("nothing to set: name at least one column", `heddle ${shortName(kind)} set --help`);
  }
  await withClient(flags.server, async (client) => {
    const result = await writeColumns(client, key, changes, flags);
    await reportMutation(cli, client, result, { flags, output: flags.output });
  });
}

async function writeColumns(
  client: AdminClient,
  key: RowKey,
  changes: Fields,
  flags: SetFlags,
): Promise<MutationResult> {
  for (let attempt = 1; ; attempt += 1) {
    const revision = flags.expectedRevision ?? (await client.revisions(1))[0]?.revision ?? 0n;
    const fields = { ...((await existing(client, key)) ?? keyColumns(key)), ...complement(changes) };
    const checked = rowFromDocument({ ...fields, kind: key.kind });
    if (!checked.ok) throw inputError(checked.error.map(({ message }) => message).join("\n"));
    const options = { ...mutationOptions(flags), expectedRevision: revision };
    try {
      return await client.applyBundle({ resources: [resourceOf(key.kind, fields)], deletions: [], options });
    } catch (error) {
      const isConflict = error instanceof CliError && error.reason === "conflict";
      if (!isConflict || flags.expectedRevision !== undefined || attempt === TRIES) throw error;
    }
  }
}

async function existing(client: AdminClient, key: RowKey): Promise<Fields | undefined> {
  try {
    return documentOf(await client.get(key));
  } catch (error) {
    if (error instanceof CliError && error.reason === "absent") return undefined;
    throw error;
  }
}

/** The two sides of a split sum to 100: naming one of them says the other. */
function complement(changes: Fields): Fields {
  const { v1_weight: first, v2_weight: second } = changes;
  if (typeof first === "number" && second === undefined) return { ...changes, v2_weight: 100 - first };
  if (typeof second === "number" && first === undefined) return { ...changes, v1_weight: 100 - second };
  return changes;
}

function keyColumns(key: RowKey): Fields {
  const columns = Object.entries(key).map(([property, value]) => [columnOf(property), value]);
  return Object.fromEntries(columns.filter(([, value]) => value !== null));
}

/** What the flags say, by column; null gives a column its default again. */
async function typedColumns({ kind, flags }: Wish): Promise<Fields> {
  const changes: Record<string, unknown> = {};
  for (const [property, field] of settings(kind)) {
    const typed = flags[property];
    if (typed !== undefined)
      changes[columnOf(property)] = await typedValue(typed, field.shape, `--${flagOf(property)}`);
  }
  for (const word of flags.unset ?? []) {
    const property = settings(kind).find(
      ([name]) => flagOf(name) === word.replaceAll("_", "-").replace(/^--/, ""),
    )?.[0];
    if (property === undefined) {
      throw usageError(
        `--unset ${word}: no such column`,
        `columns: ${settings(kind)
          .map(([name]) => flagOf(name))
          .join(", ")}`,
      );
    }
    if (flags[property] !== undefined) {
      throw usageError(`--${flagOf(property)} and --unset ${word} contradict each other`, "leave one of them out");
    }
    changes[columnOf(property)] = null;
  }
  return changes;
}

async function typedValue(typed: unknown, shape: Shape, flag: string): Promise<unknown> {
  switch (shape.type) {
    case "pairs":
      return Object.fromEntries((typed as readonly string[]).map((pair) => splitPair(pair, flag))); // collected by the flag
    case "methods":
    case "words":
      return listed(typed);
    case "integers":
      // What is no number stays text, which the table refuses in words.
      return listed(typed).map((word) => (/^\d{1,9}$/.test(word) ? Number(word) : word));
    case "record":
    case "records":
      return parseYaml(String(typed), flag);
    case "choice":
      return shape.values.find((value) => String(value) === typed) ?? typed;
    default:
      return typed;
  }
}

function listed(typed: unknown): readonly string[] {
  return String(typed)
    .split(",")
    .map((word) => word.trim());
}

function splitPair(pair: string, flag: string): readonly [string, string] {
  const at = pair.indexOf("=");
  if (at < 1) throw usageError(`${flag} ${pair}: it is NAME=VALUE`, `${flag} x-canary=true`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

async function parseYaml(text: string, flag: string): Promise<unknown> {
  const { parse, YAMLParseError } = await import("yaml");
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof YAMLParseError) throw usageError(`${flag}: ${error.message}`);
    throw error;
  }
}
