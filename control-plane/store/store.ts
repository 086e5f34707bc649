import type { Catalog, Row } from "../catalog/catalog.ts";
import type { RowKey } from "../catalog/row-key.ts";

/**
 * A wish: rows to put (whole, already validated and completed with defaults) and keys to delete. When a key stands
 * twice a put wins over a deletion, and the last of several puts over the others.
 */
export interface Change {
  readonly puts: readonly Row[];
  readonly deletions: readonly RowKey[];
}

export interface CommitOptions {
  readonly author: string;
  readonly reason: string;
  /** Refuse unless the store stands at this revision. */
  readonly expectedRevision: number | undefined;
}

/** One row of one revision: `before` undefined is a creation, `after` undefined a deletion. */
export interface RowChange {
  readonly key: RowKey;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

export interface Commit {
  readonly revision: number;
  readonly committedAt: string;
  readonly author: string;
  readonly reason: string;
  readonly changes: readonly RowChange[];
}

export interface RevisionSummary {
  readonly revision: number;
  readonly committedAt: string;
  readonly author: string;
  readonly reason: string;
  readonly changeCount: number;
}

export type CommitOutcome =
  /** Durable. `changes` without effect are left out; when none is left, no revision is made and `revision` is the current one. */
  | { readonly kind: "committed"; readonly commit: Commit; readonly catalog: Catalog }
  | { readonly kind: "unchanged"; readonly revision: number }
  | { readonly kind: "conflict"; readonly expected: number; readonly actual: number }
  /** The store cannot write now (disk full, I/O error). Nothing was stored; reads and streams go on. */
  | { readonly kind: "unavailable"; readonly isFull: boolean; readonly reason: string };

/**
 * The port to the truth. One writer; every commit is one transaction that stores the rows, the next revision, who, when,
 * why, and each row before and after. `catalog()` is the committed content and never a part of it.
 */
export interface Store {
  /** Made when the store was created, kept forever: a proxy refuses resources of another mesh. */
  readonly meshId: string;
  catalog(): Catalog;
  commit(change: Change, options: CommitOptions): CommitOutcome;
  /** Called after each commit, in order of revisions, with the new catalog. Returns how to stop listening. */
  onCommit(listener: (commit: Commit, catalog: Catalog) => void): () => void;
  /** Newest first. `before` 0 starts at the newest; otherwise only older revisions. */
  revisions(limit: number, before: number): readonly RevisionSummary[];
  revision(revision: number): Commit | undefined;
  /** The content as it stood at an older revision; undefined when that revision does not exist. */
  catalogAt(revision: number): Catalog | undefined;
  /** A consistent copy of the whole store into a new file, while writes go on. */
  backup(file: string): Promise<void>;
  close(): void;
}
