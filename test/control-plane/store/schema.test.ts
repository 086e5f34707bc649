import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import Database from "better-sqlite3";

import { columnOf, type Field } from "../../../control-plane/catalog/field.ts";
import { servicePolicyFields } from "../../../control-plane/catalog/service-policy-fields.ts";
import { migrate, readMigrations } from "../../../control-plane/store/migrate.ts";
import { rowFromColumns } from "../../../control-plane/store/column-values.ts";
import { rowFromDocument } from "../../../control-plane/catalog/document.ts";
import { packageRoot } from "../../../shared/package-root.ts";
import { policy } from "../../support/catalog-rows.ts";
import { openStore, put, storeFile } from "../../support/stores.ts";

// The field table and the schema say the same thing twice: SQL cannot be derived, so it is compared.

function freshDatabase(t: TestContext): Database.Database {
  const db = new Database(":memory:");
  t.after(() => db.close());
  const migrations = readMigrations(join(packageRoot, "migrations"));
  assert.ok(migrations.ok && migrate(db, migrations.value, "2026-11-21T10:00:00.000Z").ok);
  return db;
}

/** What must stand beside a column at its bounds for the row to be right. */
const BESIDE: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  per_try_timeout_ms: { timeout_ms: 3_600_000 },
  retry_backoff_base_ms: { retry_backoff_max_ms: 60_000 },
  retry_backoff_max_ms: { retry_backoff_base_ms: 1 },
  outlier_base_ejection_ms: { outlier_max_ejection_ms: 86_400_000 },
  outlier_max_ejection_ms: { outlier_base_ejection_ms: 100 },
  health_check_interval_ms: { health_check_timeout_ms: 10 },
  health_check_timeout_ms: { health_check_interval_ms: 3_600_000 },
  rate_limit_burst: { rate_limit_requests: 1 },
  fault_delay_percent: { fault_delay_ms: 1 },
  fault_delay_ms: { fault_delay_percent: 1 },
  fault_abort_percent: { fault_abort_status: 503 },
  fault_abort_status: { fault_abort_percent: 1 },
};

function integerColumns(): readonly { column: string; min: number; max: number }[] {
  return Object.entries(servicePolicyFields).flatMap(([property, { shape }]: [string, Field]) =>
    shape.type === "integer" ? [{ column: columnOf(property), min: shape.min, max: shape.max }] : [],
  );
}

describe("the schema of ServicePolicy", () => {
  it("has the defaults of the field table", (t) => {
    const db = freshDatabase(t);
    db.exec("INSERT INTO ServicePolicy (service_name) VALUES ('reviews')");
    const stored = db.prepare<[], Record<string, unknown>>("SELECT * FROM ServicePolicy").get() ?? {};
    const updatedAt = stored["updated_at"];
    assert.deepEqual(rowFromColumns("ServicePolicy", stored), { ...policy("reviews"), updatedAt });
  });

  it("takes every number that the field table takes", (t) => {
    const store = openStore(t);
    for (const { column, min, max } of integerColumns()) {
      for (const value of [min, max]) {
        // A percentage of 0 and what it is of do not stand together; it is a default and stored all the time.
        if (value === 0 && BESIDE[column] !== undefined) continue;
        // Its upper bound is that of timeout_ms, below which it must be.
        if (column === "per_try_timeout_ms" && value === max) continue;
        const read = rowFromDocument({
          kind: "ServicePolicy",
          service_name: column,
          ...BESIDE[column],
          [column]: value,
        });
        assert.ok(read.ok, read.ok ? "" : JSON.stringify(read.error));
        store.commit({ puts: [read.value], deletions: [] }, { author: "", reason: "", expectedRevision: undefined });
        const stored: Readonly<Record<string, unknown>> = { ...store.catalog().policies.get(column) };
        const property = Object.keys(servicePolicyFields).find((name) => columnOf(name) === column) ?? "";
        assert.equal(stored[property], value, column);
      }
    }
  });

  it("refuses every number that the field table refuses", (t) => {
    const db = freshDatabase(t);
    for (const { column, min, max } of integerColumns()) {
      for (const value of [min - 1, max + 1]) {
        const columns = Object.entries({ service_name: column, ...BESIDE[column], [column]: value });
        const sql = `INSERT INTO ServicePolicy (${columns.map(([name]) => name).join()}) VALUES (${columns.map(() => "?").join()})`;
        assert.throws(
          () => db.prepare(sql).run(columns.map(([, one]) => one)),
          /CHECK constraint failed/,
          `${column} ${value}`,
        );
      }
    }
  });

  it("refuses what must not stand together, as the rules of the row do", (t) => {
    const db = freshDatabase(t);
    const wrong = [
      "hedge_on_per_try_timeout) VALUES ('a', 1",
      "outlier_max_ejection_ms) VALUES ('a', 29999",
      "health_check_timeout_ms) VALUES ('a', 10000",
      "rate_limit_burst) VALUES ('a', 5",
      "fault_delay_percent) VALUES ('a', 5",
      "fault_delay_ms) VALUES ('a', 5",
      "fault_abort_percent) VALUES ('a', 5",
      "fault_abort_status) VALUES ('a', 503",
      "fallback) VALUES ('a', 'service'",
      "fallback_service) VALUES ('a', 'b'",
      "mirror_to) VALUES ('a', 'a'",
      "retry_on) VALUES ('a', '[]'",
      "retry_statuses) VALUES ('a', '{}'",
      "lb_policy) VALUES ('a', 'fastest'",
    ];
    for (const sql of wrong) {
      assert.throws(() => db.exec(`INSERT INTO ServicePolicy (service_name, ${sql})`), /CHECK constraint failed/, sql);
    }
  });

  it("keeps lists, pairs and switches through a restart of the store", (t) => {
    const columns = {
      retry_on: ["reset", "5xx"],
      retry_statuses: [503, 429],
      retry_non_idempotent: true,
      rate_limit_fail_open: false,
      fault_header_match: { "x-chaos": "1" },
      fallback_body: "{}",
      mirror_to: "shadow/v2",
    };
    const file = storeFile(t);
    const first = openStore(t, { file });
    put(first, [policy("reviews", columns)]);
    first.close();
    const row = openStore(t, { file }).catalog().policies.get("reviews");
    assert.deepEqual(
      [row?.retryOn, row?.retryStatuses, row?.retryNonIdempotent, row?.rateLimitFailOpen],
      [["reset", "5xx"], [429, 503], true, false],
    );
    assert.deepEqual(
      [row?.faultHeaderMatch, row?.fallbackBody, row?.mirrorTo],
      [{ "x-chaos": "1" }, "{}", "shadow/v2"],
    );
  });
});
