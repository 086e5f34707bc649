import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import { Client, credentials, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

import { openAdminPort } from "../../support/admin-port.ts";

// The protocols' own proto files, as the libraries ship them.
const resolve = createRequire(import.meta.url).resolve;
const healthProto = join(dirname(resolve("grpc-health-check/package.json")), "proto/health/v1/health.proto");
const reflectionProto = join(
  dirname(resolve("@grpc/reflection/package.json")),
  "build/proto/grpc/reflection/v1/reflection.proto",
);

interface Method {
  readonly path: string;
  readonly requestSerialize: (request: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}

function method(file: string, service: string, name: string): Method {
  // A service of a PackageDefinition is an object of its methods.
  const methods = loadSync(file, { keepCase: true, enums: String })[service] as unknown as Record<string, Method>;
  const found = methods[name];
  assert.ok(found !== undefined);
  return found;
}

function clientOf(t: TestContext, address: string): Client {
  const client = new Client(address, credentials.createInsecure());
  t.after(() => client.close());
  return client;
}

describe("the admin port", () => {
  it("tells its health, as a whole and service by service", async (t) => {
    const client = clientOf(t, (await openAdminPort(t)).address);
    const { path, requestSerialize, responseDeserialize } = method(healthProto, "grpc.health.v1.Health", "Check");
    const check = (service: string): Promise<unknown> =>
      new Promise((done) => {
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service }, (error, answer) =>
          done(error?.code ?? answer),
        );
      });
    for (const service of ["", "heddle.admin.v1.Mesh", "heddle.admin.v1.TrafficSplits"])
      assert.deepEqual(await check(service), { status: "SERVING" });
    assert.equal(await check("nobody"), status.NOT_FOUND);
  });

  it("describes its services to a client that has no proto files", async (t) => {
    const client = clientOf(t, (await openAdminPort(t)).address);
    const { path, requestSerialize, responseDeserialize } = method(
      reflectionProto,
      "grpc.reflection.v1.ServerReflection",
      "ServerReflectionInfo",
    );
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    t.after(() => stream.cancel());
    stream.on("error", () => {});
    stream.write({ list_services: "*" });
    const [listed] = (await once(stream, "data")) as [
      { list_services_response: { service: readonly { name: string }[] } },
    ];
    const names = listed.list_services_response.service
      .map(({ name }) => name)
      .filter((name) => name.startsWith("heddle."));
    assert.deepEqual(
      names.sort(),
      ["Mesh", "Routes", "ServiceEndpoints", "ServicePolicies", "TrafficSplits"].map(
        (name) => `heddle.admin.v1.${name}`,
      ),
    );
    stream.write({ file_containing_symbol: "heddle.admin.v1.TrafficSplits" });
    const [file] = (await once(stream, "data")) as [
      { file_descriptor_response: { file_descriptor_proto: readonly Buffer[] } },
    ];
    assert.ok(file.file_descriptor_response.file_descriptor_proto.some((bytes) => bytes.includes("v1_weight")));
  });
});
