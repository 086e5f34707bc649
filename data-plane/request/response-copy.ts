import { FALLBACK_REFRESH_MS } from "../../shared/defaults.ts";
import { FALLBACK_BODY_BYTES_MAX } from "../../shared/limits.ts";
import type { HeaderList, ResponseHead } from "../http1/message.ts";
import { mayStore } from "../policy/storable.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * Under which name the answers to equal requests are kept: what the service saw of them. Two routes may send one path to
 * different places or under different paths, by a header that no answer names in its Vary.
 */
export function cacheKey({ cluster, head, route }: RequestContext): string {
  return `${cluster?.name ?? ""} ${route?.authority(head) ?? ""}${route?.target(head) ?? ""}`;
}

/** Whether answers to the request may be kept and given again: what a body asks for is in no key. */
export function isCacheable({ head }: RequestContext): boolean {
  return head.method === "GET" && (head.framing === "none" || head.contentLength === 0);
}

/** A copy of a response on its way down, to be kept once it is complete. */
export class ResponseCopy {
  readonly #ctx: RequestContext;
  readonly #key: string;
  readonly #headers: HeaderList;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(ctx: RequestContext, key: string, headers: HeaderList) {
    this.#ctx = ctx;
    this.#key = key;
    this.#headers = headers;
  }

  /** Copies, for the bytes are the connection's. */
  add(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes > FALLBACK_BODY_BYTES_MAX) this.#parts = [];
    else this.#parts.push(Buffer.from(bytes.subarray(start, end)));
  }

  keep(): void {
    if (this.#bytes > FALLBACK_BODY_BYTES_MAX) return;
    const { services, head } = this.#ctx;
    const response = { headers: this.#headers, body: Buffer.concat(this.#parts) };
    services.responses.store(this.#key, head.headers, response, services.clock.nowMs());
  }
}

/**
 * The copy to make of a response, if the service's fallback wants one and it may be kept. Not more than one a second for
 * each resource: the fallback is to be useful, not exact, and a copy costs more than the rest of the relay.
 */
export function copyOf(ctx: RequestContext, head: ResponseHead): ResponseCopy | undefined {
  if (ctx.cluster?.policies.fallback?.kind !== "cached-response" || ctx.fallback !== "") return undefined;
  if (head.contentLength > FALLBACK_BODY_BYTES_MAX || !isCacheable(ctx)) return undefined;
  if (!mayStore(ctx.head.method, head.status, ctx.head.headers, head.headers)) return undefined;
  const key = cacheKey(ctx);
  const { responses, clock } = ctx.services;
  return responses.isNewerThan(key, FALLBACK_REFRESH_MS, clock.nowMs())
    ? undefined
    : new ResponseCopy(ctx, key, head.headers);
}
