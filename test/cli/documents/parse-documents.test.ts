import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { CliError } from "../../../cli/cli-error.ts";
import { checkedKeys, checkedResources } from "../../../cli/documents/checked-resources.ts";
import { parseDocuments } from "../../../cli/documents/parse-documents.ts";
import { parseKey } from "../../../cli/documents/parse-key.ts";
import { parseKind } from "../../../cli/documents/kind-names.ts";
import { describeKey } from "../../../control-plane/catalog/row-key.ts";

const POLICY = "{kind: ServicePolicy, service_name: reviews, timeout_ms: 800}";

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CliError, "nothing was refused");
  assert.equal(error.exitCode, 65);
  return error.message;
}

describe("documents", () => {
  it("may be many in one text, YAML or JSON, empty ones left out", async () => {
    const text = `${POLICY}\n---\n\n---\n{"kind": "Route", "name": "a"}\n---\n# nothing\n`;
    const documents = await parseDocuments(text, "mesh.yaml");
    assert.deepEqual(
      documents.map(({ fields, at }) => [fields["kind"], at]),
      [
        ["ServicePolicy", "mesh.yaml:1"],
        ["Route", "mesh.yaml:5"],
      ],
    );
  });

  it("may be a list, as `heddle list -o json` prints", async () => {
    const documents = await parseDocuments(`[\n  ${POLICY},\n  {kind: Route}\n]`, "x");
    assert.deepEqual(
      documents.map(({ at }) => at),
      ["x:2", "x:3"],
    );
  });

  it("tell line and column of what is no YAML", async () => {
    assert.match(await messageOf(parseDocuments("kind: Route\nname: [a\n", "bad.yaml")), /^bad\.yaml:\d+:\d+: /);
  });

  it("must be mappings", async () => {
    assert.match(await messageOf(parseDocuments("a: 1\n---\njust words", "x")), /^x:3:1: a resource is a mapping/);
  });

  it("tell every violation with the place of its field", async () => {
    const text = "kind: ServicePolicy\nservice_name: reviews\ntimeout_ms: -1\nretrys: 3\n---\nkind: Nothing\n";
    const documents = await parseDocuments(text, "mesh.yaml");
    const message = await messageOf((async () => checkedResources(documents))());
    assert.match(message, /^mesh\.yaml:4:1: ServicePolicy reviews: retrys is no field/m);
    assert.match(message, /^mesh\.yaml:3:1: ServicePolicy reviews: timeout_ms must be 1-3600000 ms \(got -1\)$/m);
    assert.match(message, /^mesh\.yaml:6:1: kind must be one of /m);
  });

  it("leave out on the wire what they leave out in the file", async () => {
    const [resource] = checkedResources(await parseDocuments(POLICY, "x"));
    assert.equal(resource?.kind?.$case, "servicePolicy");
    assert.equal(resource?.kind?.$case === "servicePolicy" ? resource.kind.value.timeoutMs : 0, 800);
    assert.equal(resource?.kind?.$case === "servicePolicy" ? resource.kind.value.retryAttempts : 0, undefined);
  });

  it("name the rows that delete -f takes away", async () => {
    const text = "{kind: TrafficSplit, source_service: web, destination_service: reviews}";
    assert.deepEqual(checkedKeys(await parseDocuments(text, "x")).map(describeKey), ["web->reviews"]);
  });
});

describe("keys and kinds on the command line", () => {
  it("are read as tables print them, and as a shell can take them", () => {
    const read = [
      parseKey("ServicePolicy", "reviews"),
      parseKey("ServiceEndpoint", "reviews/10.0.0.1:9080"),
      parseKey("ServiceEndpoint", "reviews/[::1]:9080"),
      parseKey("TrafficSplit", "web->reviews"),
      parseKey("TrafficSplit", "web:reviews"),
      parseKey("TrafficSplit", "*->reviews"),
      parseKey("TrafficSplit", "reviews"),
      parseKey("Route", "api"),
    ].map(describeKey);
    assert.deepEqual(read, [
      "reviews",
      "reviews/10.0.0.1:9080",
      "reviews/[::1]:9080",
      "web->reviews",
      "web->reviews",
      "*->reviews",
      "*->reviews",
      "api",
    ]);
  });

  it("are refused with the right form, also when the shell took the > away", () => {
    for (const text of ["reviews", "reviews/9080", "reviews/10.0.0.1", "/10.0.0.1:1"]) {
      assert.throws(() => parseKey("ServiceEndpoint", text), /SERVICE\/IP:PORT/);
    }
    for (const text of ["web-", "a->b->c", "->b", "a:"]) {
      assert.throws(() => parseKey("TrafficSplit", text), /\[SOURCE:\]DESTINATION/);
    }
  });

  it("of kinds may be short, plural, or the name in any case", () => {
    for (const name of ["policy", "policies", "ServicePolicy", "servicepolicies", "service_policy", "SERVICE-POLICY"]) {
      assert.equal(parseKind(name), "ServicePolicy");
    }
    assert.throws(() => parseKind("pods"), /unknown kind "pods"/);
  });
});
