-- Every resilience policy of a service. SQLite cannot alter the CHECK of lb_policy, which learns peak_ewma, so the table
-- is made anew; that also lets the CHECKs between columns stand here, as in 0001. Rows keep what they have and get the
-- defaults of the rest. fault_until is written by the control plane.

CREATE TABLE NewServicePolicy (
  service_name                TEXT PRIMARY KEY NOT NULL CHECK (length(service_name) BETWEEN 1 AND 128),
  -- Timeouts and retries
  retry_attempts              INT  NOT NULL DEFAULT 3    CHECK (retry_attempts BETWEEN 1 AND 10),
  timeout_ms                  INT  NOT NULL DEFAULT 5000 CHECK (timeout_ms BETWEEN 1 AND 3600000),
  per_try_timeout_ms          INT  CHECK (per_try_timeout_ms BETWEEN 1 AND 3600000 AND per_try_timeout_ms < timeout_ms),
  connect_timeout_ms          INT  NOT NULL DEFAULT 1000 CHECK (connect_timeout_ms BETWEEN 1 AND 60000),
  retry_on                    TEXT NOT NULL
    DEFAULT '["connect-failure","reset-before-request","gateway-error","retriable-4xx","retriable-status-codes"]'
    CHECK (json_valid(retry_on) AND json_type(retry_on) = 'array' AND json_array_length(retry_on) > 0),
  retry_statuses              TEXT NOT NULL DEFAULT '[502,503,504]'
    CHECK (json_valid(retry_statuses) AND json_type(retry_statuses) = 'array'
           AND json_array_length(retry_statuses) BETWEEN 1 AND 16),
  retry_non_idempotent        INT  NOT NULL DEFAULT 0    CHECK (retry_non_idempotent IN (0, 1)),
  retry_backoff_base_ms       INT  NOT NULL DEFAULT 25   CHECK (retry_backoff_base_ms BETWEEN 1 AND 60000),
  retry_backoff_max_ms        INT  NOT NULL DEFAULT 250
    CHECK (retry_backoff_max_ms BETWEEN retry_backoff_base_ms AND 60000),
  retry_after_max_ms          INT  NOT NULL DEFAULT 1000 CHECK (retry_after_max_ms BETWEEN 0 AND 60000),
  hedge_on_per_try_timeout    INT  NOT NULL DEFAULT 0
    CHECK (hedge_on_per_try_timeout = 0 OR (hedge_on_per_try_timeout = 1 AND per_try_timeout_ms IS NOT NULL)),
  retry_budget_percent        INT  NOT NULL DEFAULT 20   CHECK (retry_budget_percent BETWEEN 0 AND 100),
  retry_budget_min_per_sec    INT  NOT NULL DEFAULT 3    CHECK (retry_budget_min_per_sec BETWEEN 0 AND 1000),
  retry_budget_window_sec     INT  NOT NULL DEFAULT 10   CHECK (retry_budget_window_sec BETWEEN 1 AND 60),
  -- Circuit breaker
  cb_threshold                INT  NOT NULL DEFAULT 50   CHECK (cb_threshold BETWEEN 1 AND 100), -- % error rate to open
  cb_window_sec               INT  NOT NULL DEFAULT 30   CHECK (cb_window_sec BETWEEN 1 AND 3600),
  cb_min_requests             INT  NOT NULL DEFAULT 10   CHECK (cb_min_requests BETWEEN 1 AND 100000),
  cb_consecutive_failures     INT  NOT NULL DEFAULT 5    CHECK (cb_consecutive_failures BETWEEN 0 AND 1000),
  cb_recovery_sec             INT  NOT NULL DEFAULT 30   CHECK (cb_recovery_sec BETWEEN 1 AND 3600),
  cb_successes                INT  NOT NULL DEFAULT 2    CHECK (cb_successes BETWEEN 1 AND 100),
  -- Limits; NULL is no bound
  max_connections             INT  CHECK (max_connections BETWEEN 1 AND 100000),
  max_pending_requests        INT  CHECK (max_pending_requests BETWEEN 1 AND 100000),
  max_requests                INT  CHECK (max_requests BETWEEN 1 AND 1000000),
  max_retries                 INT  CHECK (max_retries BETWEEN 0 AND 100000),
  adaptive_concurrency        INT  NOT NULL DEFAULT 0    CHECK (adaptive_concurrency IN (0, 1)),
  -- Outliers
  outlier_consecutive_5xx     INT  NOT NULL DEFAULT 5      CHECK (outlier_consecutive_5xx BETWEEN 0 AND 1000),
  outlier_consecutive_gateway INT  NOT NULL DEFAULT 0      CHECK (outlier_consecutive_gateway BETWEEN 0 AND 1000),
  outlier_interval_ms         INT  NOT NULL DEFAULT 10000  CHECK (outlier_interval_ms BETWEEN 100 AND 3600000),
  outlier_base_ejection_ms    INT  NOT NULL DEFAULT 30000  CHECK (outlier_base_ejection_ms BETWEEN 100 AND 3600000),
  outlier_max_ejection_ms     INT  NOT NULL DEFAULT 300000
    CHECK (outlier_max_ejection_ms BETWEEN outlier_base_ejection_ms AND 86400000),
  outlier_max_ejection_percent INT NOT NULL DEFAULT 50     CHECK (outlier_max_ejection_percent BETWEEN 0 AND 100),
  outlier_success_rate_stdev  INT  NOT NULL DEFAULT 0      CHECK (outlier_success_rate_stdev BETWEEN 0 AND 10000),
  outlier_failure_percentage  INT  NOT NULL DEFAULT 0      CHECK (outlier_failure_percentage BETWEEN 0 AND 100),
  outlier_min_hosts           INT  NOT NULL DEFAULT 5      CHECK (outlier_min_hosts BETWEEN 1 AND 1000),
  outlier_min_requests        INT  NOT NULL DEFAULT 100    CHECK (outlier_min_requests BETWEEN 1 AND 100000),
  -- Health
  health_check                TEXT NOT NULL DEFAULT 'none' CHECK (health_check IN ('none', 'proxy', 'callers', 'both')),
  health_check_path           TEXT NOT NULL DEFAULT '/health' CHECK (health_check_path GLOB '/*'),
  health_check_interval_ms    INT  NOT NULL DEFAULT 10000  CHECK (health_check_interval_ms BETWEEN 100 AND 3600000),
  health_check_timeout_ms     INT  NOT NULL DEFAULT 3000
    CHECK (health_check_timeout_ms BETWEEN 10 AND 60000 AND health_check_timeout_ms < health_check_interval_ms),
  health_check_unhealthy      INT  NOT NULL DEFAULT 3      CHECK (health_check_unhealthy BETWEEN 1 AND 100),
  health_check_healthy        INT  NOT NULL DEFAULT 2      CHECK (health_check_healthy BETWEEN 1 AND 100),
  -- Load balancing
  lb_policy                   TEXT NOT NULL DEFAULT 'round_robin'
    CHECK (lb_policy IN ('round_robin', 'least_request', 'peak_ewma', 'ring_hash', 'maglev', 'random')),
  hash_on                     TEXT CHECK (hash_on = 'source' OR hash_on GLOB 'header:?*' OR hash_on GLOB 'cookie:?*'),
  panic_threshold             INT  NOT NULL DEFAULT 50     CHECK (panic_threshold BETWEEN 0 AND 100),
  slow_start_sec              INT  NOT NULL DEFAULT 0      CHECK (slow_start_sec BETWEEN 0 AND 3600),
  -- Rate limit; NULL requests are no limit
  rate_limit_requests         INT  CHECK (rate_limit_requests BETWEEN 1 AND 1000000),
  rate_limit_unit             TEXT NOT NULL DEFAULT 'second' CHECK (rate_limit_unit IN ('second', 'minute', 'hour')),
  rate_limit_burst            INT
    CHECK (rate_limit_burst IS NULL OR (rate_limit_burst BETWEEN 1 AND 1000000 AND rate_limit_requests IS NOT NULL)),
  rate_limit_by               TEXT NOT NULL DEFAULT 'client'
    CHECK (rate_limit_by IN ('client', 'total') OR rate_limit_by GLOB 'header:?*'),
  rate_limit_scope            TEXT NOT NULL DEFAULT 'local' CHECK (rate_limit_scope IN ('local', 'global')),
  rate_limit_fail_open        INT  NOT NULL DEFAULT 1      CHECK (rate_limit_fail_open IN (0, 1)),
  -- Faults
  fault_delay_percent         INT  NOT NULL DEFAULT 0      CHECK (fault_delay_percent BETWEEN 0 AND 100),
  fault_delay_ms              INT  CHECK (fault_delay_ms BETWEEN 1 AND 60000),
  fault_abort_percent         INT  NOT NULL DEFAULT 0      CHECK (fault_abort_percent BETWEEN 0 AND 100),
  fault_abort_status          INT  CHECK (fault_abort_status BETWEEN 200 AND 599),
  fault_source                TEXT CHECK (length(fault_source) BETWEEN 1 AND 128),
  fault_header_match          TEXT CHECK (json_valid(fault_header_match) AND json_type(fault_header_match) = 'object'),
  fault_duration_sec          INT  NOT NULL DEFAULT 600    CHECK (fault_duration_sec BETWEEN 0 AND 86400),
  fault_until                 TEXT,                                                              -- TIMESTAMPTZ
  -- Mirror
  mirror_to                   TEXT CHECK (length(mirror_to) BETWEEN 1 AND 161 AND mirror_to <> service_name),
  mirror_percent              INT  NOT NULL DEFAULT 100    CHECK (mirror_percent BETWEEN 1 AND 100),
  -- Fallback
  fallback                    TEXT NOT NULL DEFAULT 'none'
    CHECK (fallback IN ('none', 'cached_response', 'static', 'service')),
  fallback_body               TEXT NOT NULL
    DEFAULT '{"status": "fallback", "message": "Service temporarily unavailable"}'
    CHECK (length(CAST(fallback_body AS BLOB)) BETWEEN 1 AND 4096),
  fallback_max_age_sec        INT  NOT NULL DEFAULT 300    CHECK (fallback_max_age_sec BETWEEN 1 AND 86400),
  fallback_service            TEXT CHECK (length(fallback_service) BETWEEN 1 AND 128 AND fallback_service <> service_name),
  updated_at                  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),     -- TIMESTAMPTZ
  CHECK ((fault_delay_percent > 0) = (fault_delay_ms IS NOT NULL)),
  CHECK ((fault_abort_percent > 0) = (fault_abort_status IS NOT NULL)),
  CHECK ((fallback = 'service') = (fallback_service IS NOT NULL))
) STRICT;

INSERT INTO NewServicePolicy (
    service_name, retry_attempts, timeout_ms, cb_threshold, cb_window_sec, updated_at, per_try_timeout_ms,
    retry_backoff_base_ms, retry_backoff_max_ms, lb_policy, hash_on, panic_threshold, connect_timeout_ms
  )
  SELECT
    service_name, retry_attempts, timeout_ms, cb_threshold, cb_window_sec, updated_at, per_try_timeout_ms,
    retry_backoff_base_ms, retry_backoff_max_ms, lb_policy, hash_on, panic_threshold, connect_timeout_ms
  FROM ServicePolicy;

DROP TABLE ServicePolicy;
ALTER TABLE NewServicePolicy RENAME TO ServicePolicy;

-- What the instance's own proxy found by its last health checks.
ALTER TABLE ServiceEndpoint ADD COLUMN health TEXT NOT NULL DEFAULT 'unknown'
  CHECK (health IN ('unknown', 'passing', 'failing'));
