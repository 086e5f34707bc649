import { status } from "@grpc/grpc-js";

import type { Clock } from "../../shared/clock.ts";
import { AUTHOR_CHARS_MAX, CHANGES_BYTES_MAX, REASON_CHARS_MAX, WARNINGS_MAX } from "../../shared/limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import { Change as ChangeMessage, type MutationOptions, type MutationResult } from "../../shared/wire/admin-api.ts";
import { applyChanges, planChange } from "../catalog/apply-changes.ts";
import { guardChange } from "../catalog/guard.ts";
import { describeKey, keyOf } from "../catalog/row-key.ts";
import { validateReferences, type PlacedRow } from "../catalog/validate.ts";
import { warnChange } from "../catalog/warnings.ts";
import type { Change, CommitOptions, RowChange, Store } from "../store/store.ts";
import type { Fleet } from "../xds/fleet.ts";
import { firstWithin } from "./page.ts";
import { reachOf } from "./reach.ts";
import { refusal, refuseViolations, type Refusal } from "./refusal.ts";
import { changeMessage } from "./row-wire.ts";

export interface MutationPorts {
  readonly clock: Clock;
  readonly store: Store;
  readonly fleet: Fleet;
}

/** A change as a caller asked for it: `puts` know where in the request they stood, for the paths of violations. */
export interface Wish {
  readonly puts: readonly PlacedRow[];
  readonly deletions: Change["deletions"];
  /**
   * Content that was right once, as in a rollback: a service that happens to be away meanwhile is no reason to refuse
   * the way back. The guards hold all the same.
   */
  readonly isRestored?: boolean;
}

const noOptions: MutationOptions = { dryRun: false, expectedRevision: 0n, author: "", reason: "", force: false };

/**
 * The one way by which callers change the mesh: check the options, the references and the guards, then commit; or, in a
 * dry run, say what would happen by the same path.
 */
export function mutate(
  ports: MutationPorts,
  wish: Wish,
  given: MutationOptions | undefined,
  peer: string,
): Result<MutationResult, Refusal> {
  const options = readOptions(given ?? noOptions, peer);
  if (!options.ok) return options;
  const catalog = ports.store.catalog();
  const { expectedRevision, dryRun, force } = options.value;
  if (expectedRevision !== undefined && expectedRevision !== catalog.revision)
    return err(conflict(expectedRevision, catalog.revision));

  const change: Change = { puts: wish.puts.map(({ row }) => row), deletions: wish.deletions };
  const planned = planChange(catalog, change, new Date(ports.clock.wallMs()).toISOString());
  const after = applyChanges(catalog, planned, catalog.revision);
  const violations = wish.isRestored === true ? [] : validateReferences(catalog, after, changedPuts(wish, planned));
  if (violations.length > 0) return err(refuseViolations(status.INVALID_ARGUMENT, violations));
  const guarded = force ? [] : guardChange(catalog, after, planned);
  if (guarded.length > 0) return err(refuseViolations(status.FAILED_PRECONDITION, guarded));

  const warnings = warnChange(after, planned, proxiedServices(ports.fleet));
  if (dryRun) return ok(resultOf(ports.fleet, planned, { revision: catalog.revision, dryRun, warnings }));
  return commit(ports, change, options.value, warnings);
}

/** Whether a service has a proxy; the fleet is walked once, and only when somebody asks. */
function proxiedServices(fleet: Fleet): (service: string) => boolean {
  let services: ReadonlySet<string> | undefined;
  return (service) => (services ??= new Set(fleet.proxies().map((proxy) => proxy.service))).has(service);
}

/** Rows that stay as they are were checked when they came, and the mesh may have moved on since. */
function changedPuts({ puts }: Wish, planned: readonly RowChange[]): readonly PlacedRow[] {
  const changed = new Set(planned.map(({ key }) => `${key.kind} ${describeKey(key)}`));
  return puts.filter(({ row }) => changed.has(`${row.kind} ${describeKey(keyOf(row))}`));
}

function commit(
  { store, fleet }: MutationPorts,
  change: Change,
  options: CommitOptions,
  warnings: readonly string[],
): Result<MutationResult, Refusal> {
  const outcome = store.commit(change, options);
  switch (outcome.kind) {
    case "committed":
      return ok(
        resultOf(fleet, outcome.commit.changes, { revision: outcome.commit.revision, dryRun: false, warnings }),
      );
    case "unchanged":
      return ok(resultOf(fleet, [], { revision: outcome.revision, dryRun: false, warnings: [] }));
    case "conflict":
      return err(conflict(outcome.expected, outcome.actual));
    case "unavailable": {
      const code = outcome.isFull ? status.RESOURCE_EXHAUSTED : status.UNAVAILABLE;
      return err(refusal(code, `nothing was stored: ${outcome.reason}`));
    }
  }
}

interface ReadOptions extends CommitOptions {
  readonly dryRun: boolean;
  readonly force: boolean;
}

function readOptions(options: MutationOptions, peer: string): Result<ReadOptions, Refusal> {
  const { author, reason, expectedRevision, dryRun, force } = options;
  const violations = [
    ...textViolations("author", author, { charsMax: AUTHOR_CHARS_MAX, control: /\p{Cc}/u }),
    // A commit message makes a good reason, and it has lines.
    ...textViolations("reason", reason, { charsMax: REASON_CHARS_MAX, control: /[^\P{Cc}\n\r\t]/u }),
  ];
  if (violations.length > 0) return err(refuseViolations(status.INVALID_ARGUMENT, violations));
  return ok({
    author: author === "" ? `unnamed at ${peer}`.slice(0, AUTHOR_CHARS_MAX) : author,
    reason,
    expectedRevision: expectedRevision === 0n ? undefined : Number(expectedRevision),
    dryRun,
    force,
  });
}

/** Control characters would reach the terminals that show the history. */
function textViolations(
  field: string,
  text: string,
  rule: { charsMax: number; control: RegExp },
): readonly Violation[] {
  const path = `options.${field}`;
  if (text.length > rule.charsMax) {
    return [violation(path, `${path} must have at most ${rule.charsMax} characters (got ${text.length})`)];
  }
  return rule.control.test(text) ? [violation(path, `${path} must be without control characters`)] : [];
}

function conflict(expected: number, actual: number): Refusal {
  return refusal(
    status.ABORTED,
    `the store stands at r${actual}, not at the expected r${expected}; read again, then repeat the change`,
  );
}

interface Told {
  readonly revision: number;
  readonly dryRun: boolean;
  readonly warnings: readonly string[];
}

/** Whole or shortened to what every client accepts, with the numbers of all: what was stored must not end in an error. */
function resultOf(fleet: Fleet, changes: readonly RowChange[], told: Told): MutationResult {
  const messages = changes.map(changeMessage);
  return {
    revision: BigInt(told.revision),
    changes: [...firstWithin(messages, CHANGES_BYTES_MAX, (message) => ChangeMessage.encode(message).finish().length)],
    changeCount: changes.length,
    dryRun: told.dryRun,
    proxies: reachOf(changes, fleet),
    warnings: shortened(told.warnings),
  };
}

function shortened(warnings: readonly string[]): string[] {
  const left = warnings.length - WARNINGS_MAX;
  return left <= 0 ? [...warnings] : [...warnings.slice(0, WARNINGS_MAX), `${left} more warnings of this kind`];
}
