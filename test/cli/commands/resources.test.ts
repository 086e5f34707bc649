import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";

import { startAdmin, type AdminFixture } from "../admin-fixture.ts";
import { heddle } from "../captured-terminal.ts";

const MESH = `
{kind: ServiceEndpoint, service_name: reviews, pod_ip: 127.0.0.1, port: 9101, version: v1}
---
{kind: ServiceEndpoint, service_name: reviews, pod_ip: 127.0.0.1, port: 9102, version: v2, weight: 3}
---
{kind: ServicePolicy, service_name: reviews, retry_attempts: 2, timeout_ms: 800}
---
{kind: TrafficSplit, source_service: web, destination_service: reviews, v1_weight: 90, v2_weight: 10, header_match: {X-Canary: "true"}}
---
{kind: Route, name: api, destination_service: reviews, path_prefix: /api, methods: [get], destinations: [{service: reviews, version: v1}, {service: reviews, version: v2, weight: 9}]}
`;

describe("resources on the command line", () => {
  let admin: AdminFixture;
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "heddle-cli-"));
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(async () => {
    admin = await startAdmin();
    const applied = await admin.run("apply -f - --author alice --reason first", { stdin: MESH });
    assert.equal(applied.code, 0, applied.err);
  });

  afterEach(() => admin.stop());

  it("are applied as one revision, with a line for what changes and one for whom it reaches", async () => {
    const { out } = await admin.run("history -o json");
    assert.deepEqual(
      JSON.parse(out).map(({ revision, author, reason, change_count }: Record<string, unknown>) => ({
        revision,
        author,
        reason,
        change_count,
      })),
      [{ revision: 1, author: "alice", reason: "first", change_count: 5 }],
    );
    const again = await admin.run("apply -f -", { stdin: MESH });
    assert.equal(again.out, "nothing to change, still r1\n");
  });

  it("that will not work yet are stored all the same, with a warning on stderr", async () => {
    const command = "split set ratings --v2-weight 10 --output json";
    assert.match((await admin.run(command)).err, /^error: .*ratings.*no endpoints and no policy/);
    await admin.run("endpoint set ratings/127.0.0.1:9201 --version v1");
    const { out, err, code } = await admin.run(command);
    assert.equal(code, 0, err);
    const words = "TrafficSplit ratings gives weight 10 to version v2 of ratings, which has no usable endpoint";
    assert.match(err, new RegExp(`^‼ ${words}: .* -- COMMAND\\n$`));
    assert.equal(JSON.parse(out).warnings.length, 1);
    const ascii = await admin.run("split set ratings --v2-weight 20", { hasUnicode: false });
    assert.match(ascii.err, /^! TrafficSplit ratings gives weight 20/);
  });

  it("are listed as tables", async () => {
    const list = async (kind: string): Promise<string> =>
      (await admin.run(`list ${kind}`)).out.replaceAll(/\d+s ago/g, "1s ago").replaceAll(/ +$/gm, "");
    assert.equal(
      await list("policies"),
      [
        "SERVICE  TIMEOUT  TRIES  BREAKER  WINDOW  LB           ALSO SET  UPDATED",
        "reviews    800ms      2      50%     30s  round_robin  -         1s ago",
        "",
      ].join("\n"),
    );
    assert.equal(
      await list("endpoints"),
      [
        "SERVICE  ADDRESS         VERSION  HEALTH   WEIGHT  REGISTERED BY",
        "reviews  127.0.0.1:9101  v1       healthy       1  -",
        "reviews  127.0.0.1:9102  v2       healthy       3  -",
        "",
      ].join("\n"),
    );
    assert.equal(
      await list("splits"),
      [
        "SOURCE  DESTINATION  V1  WEIGHT  V2  WEIGHT  HEADERS TO V2  UPDATED",
        "web     reviews      v1     90%  v2     10%  x-canary=true  1s ago",
        "",
      ].join("\n"),
    );
    assert.equal(
      await list("routes"),
      [
        "POSITION  NAME  SOURCE  SERVICE  MATCH       TO                          UPDATED",
        "    1000  api   *       reviews  GET /api/*  reviews@v1:1 reviews@v2:9  1s ago",
        "",
      ]
        .join("\n")
        .replace("TO                          UPDATED", "TO                         UPDATED"),
    );
  });

  it("of no rows say so on stderr and leave stdout to data", async () => {
    await admin.run("delete route api");
    const { out, err, code } = await admin.run("list routes");
    assert.deepEqual([out, err, code], ["", "no Route rows; add some with: heddle apply -f FILE\n", 0]);
    assert.equal((await admin.run("list routes -o json")).out, "[]\n");
  });

  it("read as YAML can be applied again and change nothing", async () => {
    for (const kind of ["policies", "endpoints", "splits", "routes"]) {
      for (const format of ["yaml", "json"]) {
        const { out } = await admin.run(`list ${kind} -o ${format}`);
        const again = await admin.run("apply -f -", { stdin: out });
        assert.equal(again.out, "nothing to change, still r1\n", `${kind} ${format}: ${again.err}`);
      }
    }
  });

  it("are shown one by one, with the names of the columns", async () => {
    const { out } = await admin.run("get split web:reviews -o json");
    const { updated_at: updatedAt, id, ...split } = JSON.parse(out);
    assert.match(updatedAt, /^\d{4}-\d\d-\d\dT/);
    assert.equal(typeof id, "number");
    assert.deepEqual(split, {
      kind: "TrafficSplit",
      source_service: "web",
      destination_service: "reviews",
      v1_weight: 90,
      v2_weight: 10,
      header_match: { "x-canary": "true" },
      v1_version: "v1",
      v2_version: "v2",
    });
    const missing = await admin.run("get policy nobody");
    assert.equal(missing.code, 1);
    assert.match(
      missing.err,
      /^error: ServicePolicy nobody does not exist\n {2}-> those there are: heddle policy list$/m,
    );
  });

  it("are refused whole, with every violation on its line, and nothing is stored", async () => {
    const stdin =
      "{kind: ServicePolicy, service_name: a, timeout_ms: 0}\n---\n{kind: TrafficSplit, destination_service: reviews, v1_weight: 95, v2_weight: 10}";
    const { code, err } = await admin.run("apply -f -", { stdin });
    assert.equal(code, 65);
    assert.match(err, /^error: stdin:1:40: ServicePolicy a: timeout_ms must be 1-3600000 ms \(got 0\)$/m);
    assert.match(err, /^stdin:3:\d+: TrafficSplit reviews: Weights must sum to 100 \(got 95\+10=105\)$/m);
    assert.equal(JSON.parse((await admin.run("history -o json")).out).length, 1);
  });

  it("that the guards protect need --force, and say what stands in the way", async () => {
    const refused = await admin.run("delete endpoint reviews/127.0.0.1:9101 reviews/127.0.0.1:9102");
    assert.equal(refused.code, 2);
    assert.match(refused.err, /--force/);
    const forced = await admin.run("delete endpoint reviews/127.0.0.1:9101 reviews/127.0.0.1:9102 --force");
    assert.equal(forced.code, 0, forced.err);
    assert.match(forced.out, /^- ServiceEndpoint reviews\/127\.0\.0\.1:9101$/m);
  });

  it("are deleted by file as well", async () => {
    const file = join(folder, "gone.yaml");
    writeFileSync(file, "{kind: Route, name: api, destination_service: reviews}\n");
    assert.equal((await admin.run(`delete -f ${file}`)).out, "- Route api\nr2 -> 0 proxies\n");
  });

  it("in a folder are all its YAML and JSON files by name", async () => {
    writeFileSync(join(folder, "b.json"), '{"kind": "ServicePolicy", "service_name": "b"}');
    writeFileSync(join(folder, "a.yml"), "{kind: ServicePolicy, service_name: a}");
    writeFileSync(join(folder, "notes.txt"), "not: ours");
    const { out, err } = await admin.run(`apply -f ${folder} --dry-run`);
    assert.match(out, /\+ ServicePolicy a\n[^]*\+ ServicePolicy b\n/, err);
    assert.match(out, /^dry run, still r1; would reach 0 proxies$/m);
  });

  it("that cannot be read name the file", async () => {
    const { code, err } = await admin.run("apply -f /nowhere/mesh.yaml");
    assert.equal(code, 65);
    assert.match(err, /^error: cannot read \/nowhere\/mesh\.yaml: there is no such file or folder$/m);
    assert.match(err, /^ {2}-> ls -l \/nowhere /m);
  });

  it("change by column: set reads, modifies, writes and prints the difference", async () => {
    const set = await admin.run("policy set reviews --timeout-ms 1200 --reason slow");
    assert.equal(set.out, "~ ServicePolicy reviews\n    timeout_ms  800 -> 1200\nr2 -> 0 proxies\n");
    const kept = JSON.parse((await admin.run("policy get reviews -o json")).out);
    assert.equal(kept.retry_attempts, 2, "a column that was not named stays");
  });

  it("give a column its default again with --unset", async () => {
    const { out } = await admin.run("policy set reviews --unset timeout-ms --unset retry_attempts");
    assert.match(out, /retry_attempts {2}2 -> 3/);
    assert.match(out, /timeout_ms {6}800 -> 5000/);
    const unknown = await admin.run("policy set reviews --unset nothing");
    assert.equal(unknown.code, 64);
    assert.match(unknown.err, /no such column/);
  });

  it("are told of a policy without what is at its default, and whole as data", async () => {
    const faulty = "--fault-abort-percent 10 --fault-abort-status 503 --fault-source caller --fault-duration-sec 60";
    const made = await admin.run(`policy set faulty --retry-on reset,5xx --retry-statuses 503,429 ${faulty}`);
    assert.match(
      made.out.replace(/\d{4}-[-0-9T:.]+Z/, "TIME"),
      /^\+ ServicePolicy faulty\n {4}service_name +faulty\n {4}retry_on +reset, 5xx\n {4}retry_statuses +429, 503\n {4}fault_abort_percent +10\n {4}fault_abort_status +503\n {4}fault_source +caller\n {4}fault_duration_sec +60\n {4}fault_until +TIME\n/,
    );
    const got = await admin.run("policy get faulty");
    assert.doesNotMatch(got.out, /timeout_ms/);
    assert.match(got.err, /^\d\d more settings are at their defaults: heddle get policy faulty -o yaml\n$/);
    const data = JSON.parse((await admin.run("policy get faulty -o json")).out);
    assert.deepEqual([data.retry_on, data.timeout_ms, data.cb_recovery_sec], [["reset", "5xx"], 5000, 30]);
    assert.match((await admin.run("list policies")).out, /^faulty .* timeouts and retries, faults +/m);
    await admin.run("delete policy faulty --force");
  });

  it("are refused in the words of the field table when a list holds what it must not", async () => {
    const { code, err } = await admin.run("policy set reviews --retry-statuses 503,many");
    assert.equal(code, 65);
    assert.match(err, /retry_statuses must be a list of 1-16 numbers of 400-599 \(got \[503,"many"\]\)/);
  });

  it("fill in the other side of a split", async () => {
    const { out } = await admin.run("split set web:reviews --v2-weight 25");
    assert.match(out, /v1_weight {2}90 -> 75\n {4}v2_weight {2}10 -> 25\n/);
  });

  it("take maps, lists and whole structures as flags", async () => {
    const route = [
      "route",
      "set",
      "beta",
      "--destination-service",
      "reviews",
      "--path-prefix",
      "/beta",
      "--methods",
      "GET,POST",
      "--header-match",
      "x-beta=1",
      "--header-match",
      "x-team=a=b",
      "--destinations",
      "[{service: reviews, version: v2}]",
    ];
    assert.equal((await admin.run(route)).code, 0);
    const { kind, methods, header_match, destinations, path_prefix } = JSON.parse(
      (await admin.run("route get beta -o json")).out,
    );
    assert.deepEqual(
      { kind, methods, header_match, destinations, path_prefix },
      {
        kind: "Route",
        methods: ["GET", "POST"],
        header_match: { "x-beta": "1", "x-team": "a=b" },
        destinations: [{ service: "reviews", version: "v2", weight: 1 }],
        path_prefix: "/beta",
      },
    );
  });

  it("lose nobody's change when two people set at once", async () => {
    const sets = ["--timeout-ms 901", "--cb-threshold 41", "--retry-attempts 4", "--connect-timeout-ms 700"];
    const ran = await Promise.all(sets.map((set) => admin.run(`policy set reviews ${set}`)));
    assert.deepEqual(
      ran.map(({ code }) => code),
      [0, 0, 0, 0],
      ran.map(({ err }) => err).join(""),
    );
    const policy = JSON.parse((await admin.run("policy get reviews -o json")).out);
    assert.deepEqual(
      [policy.timeout_ms, policy.cb_threshold, policy.retry_attempts, policy.connect_timeout_ms],
      [901, 41, 4, 700],
    );
  });

  it("refuse a change that is based on an older revision", async () => {
    await admin.run("policy set reviews --timeout-ms 900");
    const { code, err } = await admin.run("policy set reviews --timeout-ms 901 --expected-revision r1");
    assert.equal(code, 1);
    assert.match(err, /-> look at what changed: heddle history/);
  });

  it("roll back, and diffs tell what a revision changed", async () => {
    await admin.run("policy set reviews --timeout-ms 900");
    await admin.run("policy set reviews --timeout-ms 950");
    assert.equal((await admin.run("diff r1 r3")).out, "~ ServicePolicy reviews\n    timeout_ms  800 -> 950\n");
    assert.equal((await admin.run("diff r3")).out, "~ ServicePolicy reviews\n    timeout_ms  900 -> 950\n");
    const back = await admin.run("rollback r1");
    assert.equal(back.out, "~ ServicePolicy reviews\n    timeout_ms  950 -> 800\nr4 -> 0 proxies\n");
    const none = await admin.run("diff r1 r4");
    assert.deepEqual([none.out, none.err, none.code], ["", "no difference\n", 0]);
    assert.equal((await admin.run("diff r3")).code, 2);
  });

  it("are backed up whole, for the owner alone, and over an existing file only with --force", async () => {
    const file = join(folder, "copy.db");
    const saved = await admin.run(`backup ${file}`);
    assert.equal(saved.code, 0, saved.err);
    assert.match(saved.out, /copy\.db: \d+ bytes\n$/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const again = await admin.run(`backup ${file}`);
    assert.equal(again.code, 65);
    assert.match(again.err, /exists\n {2}-> name another file\n {2}-> or replace it: --force/);
    assert.equal((await admin.run(`backup ${file} --force`)).code, 0);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith("copy.db")),
      ["copy.db"],
    );
  });

  it("come back from a backup under a newer revision, and the command says what it did", async () => {
    const file = join(folder, "to-restore.db");
    const store = join(folder, "restored.db");
    await admin.run(`backup ${file}`);
    const first = await heddle(["restore", file, "--db", store, "--revision", "r40"]);
    assert.equal(first.code, 0, first.err);
    assert.equal(first.out, `${store}: restored from backup of r1 as r41\n`);
    assert.match(first.err, /above the revision you named[^]*-> heddle control-plane --db/);
    const refused = await heddle(["restore", file, "--db", store]);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /^error: nothing is restored into .*: it exists; with --force/);
    const second = await heddle(["restore", file, "--db", store, "--force"]);
    assert.match(second.out, /as r42\n$/);
    assert.match(second.err, /kept as .*restored\.db\.before-restore\n {2}that is above the store before/);
  });

  it("can be called by their protobuf methods, without generated code", async () => {
    const list = await admin.run("call --list");
    assert.match(list.out, /^heddle\.admin\.v1\.Mesh\/Backup\(BackupRequest\) -> stream BackupChunk$/m);
    const { out } = await admin.run([
      "call",
      "TrafficSplits/Get",
      '{"source_service": "web", "destination_service": "reviews"}',
    ]);
    assert.equal(JSON.parse(out).v1_weight, 90);
    const slip = await admin.run(["call", "Mesh/ListRevisions", '{"pagesize": 1}']);
    assert.equal(slip.code, 65);
    assert.match(slip.err, /no field pagesize/);
    const unclear = await admin.run(["call", "Get", "{}"]);
    assert.equal(unclear.code, 64);
    assert.match(unclear.err, /may be .* or /);
  });

  it("can be watched: every row that is there, then each change, until Ctrl-C", async () => {
    let seen = "";
    const synced = Promise.withResolvers<void>();
    const changed = Promise.withResolvers<void>();
    const out = (text: string): void => {
      seen += text;
      if (seen.includes('"synced":true')) synced.resolve();
      if (seen.includes('"revision":2')) changed.resolve();
    };
    const watching = admin.run("watch policies -o json", { out });
    await synced.promise;
    await admin.run("policy set reviews --timeout-ms 950");
    await changed.promise;
    process.emit("SIGINT", "SIGINT");
    assert.equal((await watching).code, 0);
    const events: readonly Record<string, Record<string, unknown>>[] = seen
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ key, before, after }) => [key, before?.["timeout_ms"], after?.["timeout_ms"]]),
      [
        ["reviews", undefined, 800],
        [undefined, undefined, undefined],
        ["reviews", 800, 950],
      ],
    );
  });
});
