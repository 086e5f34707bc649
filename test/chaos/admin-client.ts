import { join } from "node:path";

import { credentials, loadPackageDefinition, type Client, type ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

import { packageRoot } from "../../shared/package-root.ts";

type Unary = (
  request: object,
  options: { deadline: number },
  done: (error: ServiceError | null, answer: unknown) => void,
) => void;
type ClientMaker = new (address: string, creds: ReturnType<typeof credentials.createInsecure>) => Client;

const proto = loadPackageDefinition(
  loadSync("heddle/admin/v1/admin.proto", {
    includeDirs: [join(packageRoot, "proto")],
    keepCase: true,
    longs: Number,
    defaults: true,
  }),
) as unknown as { heddle: { admin: { v1: Record<string, ClientMaker> } } };

const CALL_TIMEOUT_MS = 15_000;

/** The admin API as a stranger would call it: through the .proto files, with none of Heddle's own code. */
export class AdminClient {
  readonly #address: string;
  readonly #clients = new Map<string, Client>();

  constructor(address: string) {
    this.#address = address;
  }

  async call(service: string, method: string, request: object): Promise<Record<string, unknown>> {
    const client = this.#client(service);
    const unary = (client as unknown as Record<string, Unary>)[method];
    if (unary === undefined) throw new Error(`no method ${service}/${method}`);
    return await new Promise((done, fail) => {
      unary.call(client, request, { deadline: Date.now() + CALL_TIMEOUT_MS }, (error, answer) => {
        if (error === null) done(answer as Record<string, unknown>);
        else fail(error);
      });
    });
  }

  /** Settles when every connected proxy has acknowledged the newest revision; throws when one had not in time. */
  async waitForAll(): Promise<void> {
    const answer = await this.call("Mesh", "WaitForRevision", { timeout: { seconds: 10 } });
    const waiting = answer["waiting"] as readonly { node_id: string; reason: string }[];
    if (waiting.length > 0)
      throw new Error(`not acknowledged: ${waiting.map((w) => `${w.node_id}: ${w.reason}`).join("; ")}`);
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #client(service: string): Client {
    const known = this.#clients.get(service);
    if (known !== undefined) return known;
    const Maker = proto.heddle.admin.v1[service];
    if (Maker === undefined) throw new Error(`no service ${service}`);
    const made = new Maker(this.#address, credentials.createInsecure());
    this.#clients.set(service, made);
    return made;
  }
}
