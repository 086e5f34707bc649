import assert from "node:assert/strict";
import { once } from "node:events";
import type { TestContext } from "node:test";

import { Client, credentials, type ClientDuplexStream, type ClientOptions, type ServiceError } from "@grpc/grpc-js";

import { formatAddress, type Address } from "../../shared/address.ts";
import type { ProxyNode } from "../../shared/model/node.ts";
import { adsService } from "../../shared/wire/ads-service.ts";
import { encodeDiscoveryRequest } from "../../shared/wire/discovery-request.ts";
import { decodeDiscoveryResponse, type DiscoveryResponse } from "../../shared/wire/discovery-response.ts";
import { resourceTypeOf, typeUrls, type ResourceType } from "../../shared/wire/resource-types.ts";

export function nodeOf(id: string, more: Partial<ProxyNode> = {}): ProxyNode {
  return {
    id,
    kind: "heddle",
    service: "web",
    version: "",
    inbound: undefined,
    outbound: undefined,
    admin: undefined,
    snapshotSource: "none",
    ...more,
  };
}

/** One ADS stream over a real connection, driven by hand. */
export class AdsClient {
  readonly #client: Client;
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #waiting: ((response: DiscoveryResponse) => void)[] = [];
  readonly #arrived: DiscoveryResponse[] = [];
  /** Settles with the status that ended the stream. */
  readonly ended: Promise<ServiceError>;

  constructor(t: TestContext, xds: Address, options: ClientOptions = {}) {
    this.#client = new Client(formatAddress(xds), credentials.createInsecure(), options);
    const method = adsService.streamAggregatedResources;
    this.stream = this.#client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
    this.ended = once(this.stream, "error").then(([error]: ServiceError[]) => {
      assert.ok(error !== undefined);
      return error;
    });
    this.ended.catch(() => undefined);
    this.stream.on("error", () => undefined);
    this.stream.on("data", (bytes: Buffer) => {
      const response = decodeDiscoveryResponse(bytes);
      assert.ok(response.ok);
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#arrived.push(response.value);
      else waiter(response.value);
    });
    t.after(() => this.close());
  }

  close(): void {
    this.stream.cancel();
    this.#client.close();
  }

  asks(
    type: ResourceType,
    names: readonly string[],
    more: { node?: ProxyNode; nonce?: string; version?: string; error?: string } = {},
  ): void {
    this.stream.write(
      encodeDiscoveryRequest({
        versionInfo: more.version ?? "",
        node: more.node,
        names,
        typeUrl: typeUrls[type],
        responseNonce: more.nonce ?? "",
        error: more.error === undefined ? undefined : { code: 3, message: more.error },
      }),
    );
  }

  async next(): Promise<DiscoveryResponse & { readonly type: ResourceType | undefined }> {
    const response =
      this.#arrived.shift() ?? (await new Promise<DiscoveryResponse>((resolve) => this.#waiting.push(resolve)));
    return { ...response, type: resourceTypeOf(response.typeUrl) };
  }

  acks(response: DiscoveryResponse, names: readonly string[] = []): void {
    const type = resourceTypeOf(response.typeUrl);
    assert.ok(type !== undefined);
    this.asks(type, names, { nonce: response.nonce, version: response.versionInfo });
  }
}
