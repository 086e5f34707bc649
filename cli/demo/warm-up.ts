import { request } from "node:http";

import type { Address } from "../../shared/address.ts";
import { CliError } from "../cli-error.ts";

/** Enough for every program on the way to have its code compiled and its connections open. */
const REQUESTS = 50;
/** Of one request; a machine that is slower than this shows nothing but itself. */
const ANSWER_MS_MAX = 10_000;

/**
 * One request after the other, before traffic is counted. Processes that have just started are slow, and on a busy machine so slow that
 * what protects a service would rightly take it for a failing one.
 */
export async function warmUp(target: Address, host: string, signal: AbortSignal): Promise<void> {
  for (let sent = 0; sent < REQUESTS; sent += 1) {
    signal.throwIfAborted();
    await answered(target, host);
  }
}

/** Whatever the answer is: what is wrong with it will show in the traffic. It has no `x-load-id`, so that it counts nowhere. */
function answered({ host: address, port }: Address, host: string): Promise<void> {
  return new Promise((done, failed) => {
    const call = request({ host: address, port, path: "/warm-up", headers: { host }, agent: false }, (response) => {
      response.resume().on("close", done);
    });
    call.setTimeout(ANSWER_MS_MAX, () => call.destroy(new Error("no answer in time")));
    call.on("error", (error) => failed(new CliError(`the mesh does not answer: ${error.message}`)));
    call.end();
  });
}
