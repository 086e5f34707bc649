import assert from "node:assert/strict";
import type { TestContext } from "node:test";

import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";

import type { Address } from "../../shared/address.ts";
import { adsService } from "../../shared/wire/ads-service.ts";
import { decodeNames, readDiscoveryRequest, type DiscoveryRequest } from "../../shared/wire/discovery-request.ts";
import { encodeResourceEntry, encodeResponseBody, encodeResponseNonce } from "../../shared/wire/discovery-response.ts";
import { resourceTypeOf, type ResourceType } from "../../shared/wire/resource-types.ts";
import { freePort } from "./control-plane.ts";

type Stream = ServerDuplexStream<Buffer, Buffer>;

/** A server that does nothing but what the test says. */
export class PuppetControlPlane {
  readonly address: Address;
  readonly requests: DiscoveryRequest[] = [];
  stream: Stream | undefined = undefined;
  /** How it names itself. */
  identifier = "heddle/mesh-1";
  #seen = (): void => undefined;

  private constructor(address: Address) {
    this.address = address;
  }

  static async open(t: TestContext): Promise<PuppetControlPlane> {
    const server = new Server();
    const port = await freePort();
    const puppet = new PuppetControlPlane({ host: "127.0.0.1", port });
    server.addService(adsService, {
      streamAggregatedResources: (stream: Stream) => {
        puppet.stream = stream;
        stream.on("error", () => undefined);
        stream.on("data", (bytes: Buffer) => {
          const request = readDiscoveryRequest(bytes);
          assert.ok(request.ok);
          puppet.requests.push(request.value);
          puppet.#seen();
        });
      },
    });
    await new Promise<void>((settle, fail) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? settle() : fail(error),
      );
    });
    t.after(() => server.forceShutdown());
    return puppet;
  }

  async until(count: number): Promise<void> {
    while (this.requests.length < count) await new Promise<void>((settle) => (this.#seen = settle));
  }

  say(type: ResourceType, nonce: string, resources: readonly Uint8Array[]): void {
    const entries = resources.map((bytes) => encodeResourceEntry(type, bytes));
    const body = encodeResponseBody({ versionInfo: "r1.x", type, controlPlane: this.identifier, entries });
    this.stream?.write(Buffer.concat([body, encodeResponseNonce(nonce)]));
  }

  /** `type version nonce [names] !code`: what the requests so far said. */
  heard(): readonly string[] {
    return this.requests.map(({ typeUrl, versionInfo, responseNonce, namesBytes, error }) => {
      const names = decodeNames(namesBytes).join(" ");
      return `${resourceTypeOf(typeUrl)} ${versionInfo}/${responseNonce} [${names}]${error === undefined ? "" : ` !${error.code}`}`;
    });
  }
}
