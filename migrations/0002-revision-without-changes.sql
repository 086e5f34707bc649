-- A restore from a backup is a revision that changes no row: it gives the backup's content a number above every one that
-- proxies may hold. SQLite cannot alter a CHECK, so the ledger's two tables are made anew; RevisionChange goes before
-- Revision, whose end would delete its rows (ON DELETE CASCADE).

CREATE TABLE NewRevision (
  revision     INTEGER PRIMARY KEY AUTOINCREMENT,
  committed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  author       TEXT NOT NULL CHECK (length(author) <= 256),
  reason       TEXT NOT NULL CHECK (length(reason) <= 1024),
  change_count INT  NOT NULL CHECK (change_count >= 0)
) STRICT;

INSERT INTO NewRevision (revision, committed_at, author, reason, change_count)
  SELECT revision, committed_at, author, reason, change_count FROM Revision ORDER BY revision;

CREATE TABLE NewRevisionChange (
  revision INTEGER NOT NULL REFERENCES NewRevision (revision) ON DELETE CASCADE,
  ordinal  INT  NOT NULL,
  kind     TEXT NOT NULL,
  before   TEXT CHECK (json_valid(before)),
  after    TEXT CHECK (json_valid(after)),
  PRIMARY KEY (revision, ordinal),
  CHECK (before IS NOT NULL OR after IS NOT NULL)
) STRICT, WITHOUT ROWID;

INSERT INTO NewRevisionChange (revision, ordinal, kind, before, after)
  SELECT revision, ordinal, kind, before, after FROM RevisionChange;

DROP TABLE RevisionChange;
DROP TABLE Revision;
ALTER TABLE NewRevision RENAME TO Revision;
ALTER TABLE NewRevisionChange RENAME TO RevisionChange;
