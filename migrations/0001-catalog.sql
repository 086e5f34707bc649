-- What operators declare, and the ledger of who changed what. Types in comments are the seed's (F4.10-F4.13); SQLite
-- does not enforce VARCHAR lengths, so CHECKs do (F4.32). Times are ISO text in UTC with milliseconds, because
-- CURRENT_TIMESTAMP ticks once a second (F4.30). Ranges are those of the control plane's field table.

CREATE TABLE Meta (
  key   TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE ServicePolicy (
  service_name          TEXT PRIMARY KEY NOT NULL CHECK (length(service_name) BETWEEN 1 AND 128), -- VARCHAR(128)
  retry_attempts        INT  NOT NULL DEFAULT 3    CHECK (retry_attempts BETWEEN 1 AND 10),
  timeout_ms            INT  NOT NULL DEFAULT 5000 CHECK (timeout_ms BETWEEN 1 AND 3600000),
  cb_threshold          INT  NOT NULL DEFAULT 50   CHECK (cb_threshold BETWEEN 1 AND 100),         -- % error rate to open
  cb_window_sec         INT  NOT NULL DEFAULT 30   CHECK (cb_window_sec BETWEEN 1 AND 3600),
  updated_at            TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),             -- TIMESTAMPTZ
  per_try_timeout_ms    INT  CHECK (per_try_timeout_ms BETWEEN 1 AND 3600000 AND per_try_timeout_ms < timeout_ms),
  retry_backoff_base_ms INT  NOT NULL DEFAULT 25   CHECK (retry_backoff_base_ms BETWEEN 1 AND 60000),
  retry_backoff_max_ms  INT  NOT NULL DEFAULT 250  CHECK (retry_backoff_max_ms BETWEEN retry_backoff_base_ms AND 60000),
  lb_policy             TEXT NOT NULL DEFAULT 'round_robin'
                        CHECK (lb_policy IN ('round_robin', 'least_request', 'ring_hash', 'maglev', 'random')),
  hash_on               TEXT CHECK (hash_on = 'source' OR hash_on GLOB 'header:?*' OR hash_on GLOB 'cookie:?*'),
  panic_threshold       INT  NOT NULL DEFAULT 50   CHECK (panic_threshold BETWEEN 0 AND 100),
  connect_timeout_ms    INT  NOT NULL DEFAULT 1000 CHECK (connect_timeout_ms BETWEEN 1 AND 60000)
) STRICT;

CREATE TABLE ServiceEndpoint (
  service_name  TEXT NOT NULL CHECK (length(service_name) BETWEEN 1 AND 128),                      -- VARCHAR(128)
  pod_ip        TEXT NOT NULL                                                                      -- INET
                CHECK (length(pod_ip) BETWEEN 2 AND 45
                       AND ((pod_ip GLOB '*.*.*.*' AND pod_ip NOT GLOB '*[^0-9.]*')
                            OR (pod_ip GLOB '*:*' AND pod_ip NOT GLOB '*[^0-9a-f:.]*'))),
  port          INT  NOT NULL CHECK (port BETWEEN 1 AND 65535),
  version       TEXT CHECK (length(version) BETWEEN 1 AND 32),                                     -- VARCHAR(32)
  healthy       INT  NOT NULL DEFAULT 1 CHECK (healthy IN (0, 1)),                                 -- BOOLEAN
  weight        INT  NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000),
  registered_by TEXT CHECK (length(registered_by) BETWEEN 1 AND 256),
  PRIMARY KEY (service_name, pod_ip, port)
) STRICT;

CREATE TABLE TrafficSplit (
  id                  INTEGER PRIMARY KEY AUTOINCREMENT,                                           -- BIGSERIAL
  source_service      TEXT CHECK (length(source_service) BETWEEN 1 AND 128),                       -- NULL = all callers
  destination_service TEXT NOT NULL CHECK (length(destination_service) BETWEEN 1 AND 128),
  v1_weight           INT  NOT NULL DEFAULT 100 CHECK (v1_weight BETWEEN 0 AND 100),
  v2_weight           INT  NOT NULL DEFAULT 0   CHECK (v2_weight BETWEEN 0 AND 100),
  header_match        TEXT CHECK (json_valid(header_match) AND json_type(header_match) = 'object'), -- JSONB
  updated_at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  v1_version          TEXT NOT NULL DEFAULT 'v1' CHECK (length(v1_version) BETWEEN 1 AND 32),
  v2_version          TEXT NOT NULL DEFAULT 'v2' CHECK (length(v2_version) BETWEEN 1 AND 32),
  CHECK (v1_weight + v2_weight = 100)
) STRICT;

-- One row per pair; NULLs would all be different in a plain unique index.
CREATE UNIQUE INDEX TrafficSplitPair ON TrafficSplit (destination_service, ifnull(source_service, ''));

CREATE TABLE Route (
  name                TEXT PRIMARY KEY NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
  destination_service TEXT NOT NULL CHECK (length(destination_service) BETWEEN 1 AND 128),
  source_service      TEXT CHECK (length(source_service) BETWEEN 1 AND 128),
  position            INT  NOT NULL DEFAULT 1000 CHECK (position BETWEEN 0 AND 100000),
  path_exact          TEXT CHECK (path_exact GLOB '/*'),
  path_prefix         TEXT CHECK (path_prefix GLOB '/*'),
  path_regex          TEXT CHECK (length(path_regex) BETWEEN 1 AND 512),
  methods             TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(methods) AND json_type(methods) = 'array'),
  header_match        TEXT CHECK (json_valid(header_match) AND json_type(header_match) = 'object'),
  query_match         TEXT CHECK (json_valid(query_match) AND json_type(query_match) = 'object'),
  destinations        TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(destinations) AND json_type(destinations) = 'array'),
  redirect            TEXT CHECK (json_valid(redirect) AND json_type(redirect) = 'object'),
  direct_response     TEXT CHECK (json_valid(direct_response) AND json_type(direct_response) = 'object'),
  prefix_rewrite      TEXT CHECK (prefix_rewrite GLOB '/*'),
  host_rewrite        TEXT CHECK (length(host_rewrite) BETWEEN 1 AND 260),
  timeout_ms          INT  CHECK (timeout_ms BETWEEN 1 AND 3600000),
  retry_attempts      INT  CHECK (retry_attempts BETWEEN 1 AND 10),
  updated_at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  CHECK ((path_exact IS NOT NULL) + (path_prefix IS NOT NULL) + (path_regex IS NOT NULL) <= 1),
  CHECK ((destinations <> '[]') + (redirect IS NOT NULL) + (direct_response IS NOT NULL) <= 1)
) STRICT;

CREATE TABLE CertificateRecord (
  service_name TEXT NOT NULL CHECK (length(service_name) BETWEEN 1 AND 128),                       -- VARCHAR(128)
  cert_pem     TEXT NOT NULL,
  private_key  TEXT NOT NULL,                                                                      -- encrypted at rest
  expiry       TEXT NOT NULL,                                                                      -- TIMESTAMPTZ
  issued_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY (service_name, issued_at)
) STRICT;

-- The ledger. AUTOINCREMENT never gives a number twice, even after the newest revision was removed from the ledger.
CREATE TABLE Revision (
  revision     INTEGER PRIMARY KEY AUTOINCREMENT,
  committed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  author       TEXT NOT NULL CHECK (length(author) <= 256),
  reason       TEXT NOT NULL CHECK (length(reason) <= 1024),
  change_count INT  NOT NULL CHECK (change_count > 0)
) STRICT;

-- One row before and after, as documents; NULL before is a creation, NULL after a deletion.
CREATE TABLE RevisionChange (
  revision INTEGER NOT NULL REFERENCES Revision (revision) ON DELETE CASCADE,
  ordinal  INT  NOT NULL,
  kind     TEXT NOT NULL,
  before   TEXT CHECK (json_valid(before)),
  after    TEXT CHECK (json_valid(after)),
  PRIMARY KEY (revision, ordinal),
  CHECK (before IS NOT NULL OR after IS NOT NULL)
) STRICT, WITHOUT ROWID;
