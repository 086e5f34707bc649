import { status } from "@grpc/grpc-js";

import { REVISION_WAIT_MS } from "../../shared/defaults.ts";
import { BUNDLE_RESOURCES_MAX, PAGE_SIZE_MAX, WAIT_MS_MAX } from "../../shared/limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import {
  Change,
  Proxy,
  type ApplyBundleRequest,
  type GetRevisionRequest,
  type ListProxiesRequest,
  type ListProxiesResponse,
  type ListRevisionsRequest,
  type ListRevisionsResponse,
  type MeshServer,
  type MutationResult,
  type Revision,
  type RollbackRequest,
  type WaitForRevisionRequest,
  type WaitForRevisionResponse,
} from "../../shared/wire/admin-api.ts";
import { rollbackChange } from "../catalog/rollback.ts";
import type { RevisionSummary } from "../store/store.ts";
import type { Backups } from "./backups.ts";
import { readBundle } from "./bundle.ts";
import type { KindPorts } from "./kind-handlers.ts";
import { mutate } from "./mutation.ts";
import { pageOf, readPageSize, readToken, tokenOf } from "./page.ts";
import { proxyMessage } from "./proxy-wire.ts";
import { refusal, refuseViolations, type Refusal } from "./refusal.ts";
import { changeMessage } from "./row-wire.ts";
import { unary, type CallContext } from "./unary.ts";

export interface MeshPorts extends KindPorts {
  readonly backups: Backups;
}

/** What concerns the mesh as a whole: bundles, the ledger, the proxies, the backup. */
export function meshHandlers(ports: MeshPorts): Record<keyof MeshServer & string, unknown> {
  const { log } = ports;
  return {
    applyBundle: unary<ApplyBundleRequest, MutationResult>(
      (request, context) => applyBundle(ports, request, context),
      log,
    ),
    listRevisions: unary<ListRevisionsRequest, ListRevisionsResponse>((request) => listRevisions(ports, request), log),
    getRevision: unary<GetRevisionRequest, Revision>((request) => getRevision(ports, request), log),
    rollback: unary<RollbackRequest, MutationResult>((request, context) => rollback(ports, request, context), log),
    listProxies: unary<ListProxiesRequest, ListProxiesResponse>((request) => listProxies(ports, request), log),
    waitForRevision: unary<WaitForRevisionRequest, WaitForRevisionResponse>(
      (request, context) => waitForRevision(ports, request, context),
      log,
    ),
    backup: ports.backups.handler(),
  };
}

function applyBundle(
  ports: MeshPorts,
  request: ApplyBundleRequest,
  { peer }: CallContext,
): Result<MutationResult, Refusal> {
  const count = request.resources.length + request.deletions.length;
  if (count === 0 || count > BUNDLE_RESOURCES_MAX) {
    const words = `a bundle must have 1-${BUNDLE_RESOURCES_MAX} resources and deletions (got ${count})`;
    return err(refuseViolations(status.INVALID_ARGUMENT, [violation("resources", words)]));
  }
  const wish = readBundle(ports.store.catalog(), request);
  if (!wish.ok) return err(refuseBundle(wish.error));
  const result = mutate(ports, wish.value, request.options, peer);
  return result.ok || result.error.violations.length === 0
    ? result
    : err({ ...refuseBundle(result.error.violations), code: result.error.code });
}

/** In a bundle the place in the request helps to find the row, so it stands in the words too. */
function refuseBundle(violations: readonly Violation[]): Refusal {
  const place = ({ path }: Violation): string => /^(?:resources|deletions)\[\d+\]/.exec(path)?.[0] ?? "";
  const message = violations.map((v) => (place(v) === "" ? v.message : `${place(v)}: ${v.message}`)).join("; ");
  return { code: status.INVALID_ARGUMENT, message, violations };
}

function listRevisions({ store }: MeshPorts, request: ListRevisionsRequest): Result<ListRevisionsResponse, Refusal> {
  const size = readPageSize(request.pageSize);
  if (!size.ok) return size;
  const token = readToken(request.pageToken);
  if (!token.ok) return token;
  const before = Number(token.value ?? 0);
  if (!Number.isSafeInteger(before))
    return err(refusal(status.INVALID_ARGUMENT, "page_token must be the next_page_token of an answer of this method"));
  const summaries = store.revisions(size.value, before);
  const last = summaries.at(-1);
  const isLast = last === undefined || summaries.length < size.value || last.revision === 1;
  return ok({ revisions: summaries.map(summaryMessage), nextPageToken: isLast ? "" : tokenOf(String(last.revision)) });
}

function summaryMessage({ revision, committedAt, author, reason, changeCount }: RevisionSummary): Revision {
  const at = { revision: BigInt(revision), committedAt: new Date(committedAt) };
  return { ...at, author, reason, changes: [], changeCount, nextPageToken: "" };
}

/** In pages, for a revision may be larger than a message: 10,000 rows before and after. */
function getRevision({ store }: MeshPorts, request: GetRevisionRequest): Result<Revision, Refusal> {
  const commit = store.revision(Number(request.revision));
  if (commit === undefined) return err(unknownRevision(request.revision, store.catalog().revision));
  const placed = commit.changes.map((change, index) => ({ change: changeMessage(change), place: placeOf(index) }));
  const page = pageOf(
    placed,
    { ...request, pageSize: request.pageSize === 0 ? PAGE_SIZE_MAX : request.pageSize },
    ({ place }) => place,
    ({ change }) => Change.encode(change).finish().length,
  );
  if (!page.ok) return page;
  const { items, nextPageToken } = page.value;
  const summary = summaryMessage({ ...commit, changeCount: commit.changes.length });
  return ok({ ...summary, changes: items.map(({ change }) => change), nextPageToken });
}

/** Keys of pages are compared as text. */
function placeOf(index: number): string {
  return String(index).padStart(PLACE_DIGITS, "0");
}

const PLACE_DIGITS = 9;

function rollback(ports: MeshPorts, request: RollbackRequest, { peer }: CallContext): Result<MutationResult, Refusal> {
  const now = ports.store.catalog();
  const then = ports.store.catalogAt(Number(request.toRevision));
  if (then === undefined) return err(unknownRevision(request.toRevision, now.revision));
  const { puts, deletions } = rollbackChange(now, then);
  const placed = puts.map((row) => ({ row, path: "" }));
  const options = request.options ?? { dryRun: false, expectedRevision: 0n, author: "", reason: "", force: false };
  const reason = options.reason === "" ? `rollback to r${request.toRevision}` : options.reason;
  return mutate(ports, { puts: placed, deletions, isRestored: true }, { ...options, reason }, peer);
}

function unknownRevision(revision: bigint, newest: number): Refusal {
  return refusal(status.NOT_FOUND, `r${revision} is not in the ledger; the newest is r${newest}`);
}

function listProxies({ store, fleet }: MeshPorts, request: ListProxiesRequest): Result<ListProxiesResponse, Refusal> {
  const sorted = [...fleet.proxies()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  const page = pageOf(
    sorted,
    request,
    (proxy) => proxy.nodeId,
    (proxy) => Proxy.encode(proxyMessage(proxy)).finish().length,
  );
  if (!page.ok) return page;
  const { items, nextPageToken } = page.value;
  return ok({ proxies: items.map(proxyMessage), nextPageToken, revision: BigInt(store.catalog().revision) });
}

/** Returns a little before the call's deadline, so that the caller learns who is late and not only that time ran out. */
async function waitForRevision(
  { store, fleet, clock }: MeshPorts,
  request: WaitForRevisionRequest,
  { deadlineWallMs, signal }: CallContext,
): Promise<Result<WaitForRevisionResponse, Refusal>> {
  const newest = store.catalog().revision;
  const revision = request.revision === 0n ? newest : Number(request.revision);
  if (revision > newest) return err(unknownRevision(request.revision, newest));
  const { timeout } = request;
  const askedMs = timeout === undefined ? REVISION_WAIT_MS : Number(timeout.seconds) * 1_000 + timeout.nanos / 1e6;
  if (!(askedMs >= 0 && askedMs <= WAIT_MS_MAX)) {
    return err(
      refuseViolations(status.INVALID_ARGUMENT, [
        violation("timeout", `timeout must be 0-${WAIT_MS_MAX / 1_000} s (got ${askedMs / 1_000} s)`),
      ]),
    );
  }
  const leftMs = Math.max(0, deadlineWallMs - clock.wallMs() - ANSWER_MARGIN_MS);
  const waited = await fleet.waitForRevision(revision, Math.min(askedMs, leftMs), signal());
  return ok({
    revision: BigInt(waited.revision),
    acknowledged: waited.acknowledged,
    waiting: waited.waiting.map((proxy) => ({ ...proxy })),
  });
}

const ANSWER_MARGIN_MS = 100;
