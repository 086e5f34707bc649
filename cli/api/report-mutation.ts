import { WAIT_SEC } from "../../shared/defaults.ts";
import type { Change, MutationResult } from "../../shared/wire/admin-api.ts";
import type { MutationFlags } from "../commands/mutation-options.ts";
import { renderChange, type DocumentChange } from "../documents/diff-documents.ts";
import { documentOf, keyText } from "../documents/resource-document.ts";
import { EXIT } from "../exit-code.ts";
import { formatDuration } from "../output/age.ts";
import { printData, type Format } from "../output/formats.ts";
import { markOf, paintFor } from "../output/paint.ts";
import type { Cli } from "../terminal.ts";
import type { AdminClient } from "./admin-client.ts";

/** Prints what a mutation did, whom it reaches, and what will not work yet; with `--wait`, stays until they have it. */
export async function reportMutation(
  cli: Cli,
  client: AdminClient,
  result: MutationResult,
  how: { readonly flags: MutationFlags; readonly output: Format },
): Promise<void> {
  const { terminal } = cli;
  if (how.output === "json" || how.output === "yaml") {
    await printData(terminal, how.output, mutationData(result));
  } else {
    const paint = paintFor(terminal.hasColor);
    for (const change of result.changes) terminal.out(renderChange(documentChange(change), paint));
    const left = result.changeCount - result.changes.length;
    if (left > 0)
      terminal.out(`... and ${left} more rows${result.dryRun ? "" : `: heddle diff r${result.revision}`}\n`);
    terminal.out(`${describeOutcome(result)}\n`);
  }
  for (const warning of result.warnings) terminal.note(`${markOf("warn", terminal.hasUnicode)} ${warning}`);
  const { wait } = how.flags;
  if (wait !== undefined && !result.dryRun) {
    await waitForProxies(cli, client, result.revision, wait === true ? WAIT_SEC : wait);
  }
}

/** Reports who has the revision; exit code 4 when someone has not. */
export async function waitForProxies(cli: Cli, client: AdminClient, revision: bigint, waitSec: number): Promise<void> {
  const startedMs = performance.now();
  const { acknowledged, waiting } = await client.waitForRevision(revision, waitSec * 1_000);
  const took = formatDuration(performance.now() - startedMs);
  const all = acknowledged + waiting.length;
  if (all === 0) return cli.terminal.note(`r${revision}: no proxy is connected`);
  cli.terminal.note(`r${revision} acknowledged by ${acknowledged} of ${proxies(all)} after ${took}`);
  if (waiting.length === 0) return;
  for (const { nodeId, service, reason } of waiting) cli.terminal.note(`  ${nodeId} (${service}): ${reason}`);
  cli.terminal.note(`  -> heddle ps`);
  cli.exitWith(EXIT.notAcknowledged);
}

export function documentChange(change: Change): DocumentChange {
  return {
    kind: change.key?.kind ?? "",
    key: change.key === undefined ? "" : keyText(change.key),
    before: change.before === undefined ? undefined : documentOf(change.before),
    after: change.after === undefined ? undefined : documentOf(change.after),
  };
}

function describeOutcome(result: MutationResult): string {
  const revision = `r${result.revision}`;
  if (result.changes.length === 0) return `nothing to change, still ${revision}`;
  const reach = proxies(result.proxies);
  return result.dryRun ? `dry run, still ${revision}; would reach ${reach}` : `${revision} -> ${reach}`;
}

function mutationData(result: MutationResult): unknown {
  return {
    revision: result.revision,
    dry_run: result.dryRun,
    proxies: result.proxies,
    warnings: result.warnings,
    change_count: result.changeCount,
    changes: result.changes.map(documentChange),
  };
}

function proxies(count: number): string {
  return count === 1 ? "1 proxy" : `${count} proxies`;
}
