import { credentials, Metadata } from "@grpc/grpc-js";

import { formatAddress, type Address } from "../../shared/address.ts";
import type { Clock } from "../../shared/clock.ts";
import { TOKEN_LEASE_CALL_MS, TOKEN_LEASE_CONNECT_MS } from "../../shared/defaults.ts";
import { assert } from "../../shared/assert.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import {
  RateLimitServiceClient,
  type RateLimitRequest,
  type RateLimitResponse,
} from "../../shared/wire/rate-limit-api.ts";

/**
 * Calls the coordinator. A call that fails closes its channel, and the next one goes to the next address: no back-off but
 * that of TokenLeases decides when to try again.
 */
export class LeaseChannel {
  readonly #addresses: readonly Address[];
  readonly #clock: Clock;
  #client: RateLimitServiceClient | undefined = undefined;
  #next = 0;

  constructor(addresses: readonly Address[], clock: Clock) {
    assert(addresses.length > 0, "a proxy has an address of a control plane");
    this.#addresses = addresses;
    this.#clock = clock;
  }

  /** The answer, or why there is none, at the latest when a coordinator counts as gone. */
  async call(request: RateLimitRequest): Promise<Result<RateLimitResponse, string>> {
    const patienceMs = this.#client === undefined ? TOKEN_LEASE_CONNECT_MS : TOKEN_LEASE_CALL_MS;
    const client = (this.#client ??= this.#open());
    const deadline = this.#clock.wallMs() + patienceMs;
    const answer = await new Promise<Result<RateLimitResponse, string>>((settle) => {
      client.shouldRateLimit(request, new Metadata(), { deadline }, (error, response) => {
        settle(error === null ? ok(response) : err(error.details));
      });
    });
    if (!answer.ok && this.#client === client) {
      this.close();
      this.#next += 1;
    }
    return answer;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #open(): RateLimitServiceClient {
    const address = this.#addresses[this.#next % this.#addresses.length];
    assert(address !== undefined, "the remainder is an index");
    return new RateLimitServiceClient(formatAddress(address), credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      "grpc.service_config_disable_resolution": 1,
    });
  }
}
