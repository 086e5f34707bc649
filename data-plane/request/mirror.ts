import { STREAM_IDLE_MS } from "../../shared/defaults.ts";
import { MIRRORED_AT_ONCE_MAX } from "../../shared/limits.ts";
import { Deadline, type DeadlineOwner } from "../../shared/timer-wheel.ts";
import { CHUNK_END, chunkHeadText, lastChunkText, requestHeadText } from "../http1/write-head.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { ClusterRuntime, ForwardRuntime } from "../runtime/runtime.ts";
import { poolOf, type PoolWaiter } from "../upstream/connection-pool.ts";
import type { UpstreamConnection } from "../upstream/upstream-connection.ts";
import { shadowPropagationLines } from "./propagate.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * Copies of a request whose answers nobody sees (Envoy `request_mirror_policies`). The request itself never waits for
 * them, is not judged by them, and goes on when they fail. Called once its body is complete; a body that was too long
 * to keep is not copied.
 */
export function mirrorRequest(ctx: RequestContext, route: ForwardRuntime): void {
  const { random } = ctx.services;
  for (const { cluster, percent } of route.mirrors) {
    if (random.unit() * 100 >= percent) continue;
    const { mirrors } = cluster.state;
    const endpoint = ctx.body.isReplayable ? cluster.choice.picker.pick(ctx.hash, random, ctx.startMs) : undefined;
    if (endpoint === undefined || mirrors.active >= MIRRORED_AT_ONCE_MAX) mirrors.dropped += 1;
    else new MirroredRequest(ctx, route, cluster, endpoint).start();
  }
}

/** One copy on its way: one attempt, no retries, within the time of a request; there is always one, for nobody else gives it up. */
class MirroredRequest implements PoolWaiter, DeadlineOwner {
  readonly connectTimeoutMs: number;
  readonly #ctx: RequestContext;
  readonly cluster: ClusterRuntime;
  readonly #endpoint: EndpointState;
  readonly #timeoutMs: number;
  readonly #headText: string;
  /** The request gives its own list up; the bytes stay as they are. */
  readonly #chunks: readonly Buffer[];
  readonly #deadline = new Deadline(this);
  #connection: UpstreamConnection | undefined = undefined;
  #isWaiting = false;
  #isEnded = false;

  constructor(ctx: RequestContext, route: ForwardRuntime, cluster: ClusterRuntime, endpoint: EndpointState) {
    this.#ctx = ctx;
    this.cluster = cluster;
    this.#endpoint = endpoint;
    this.connectTimeoutMs = cluster.connectTimeoutMs;
    this.#timeoutMs = route.timeoutMs > 0 ? route.timeoutMs : STREAM_IDLE_MS;
    this.#headText = shadowHeadText(ctx, route);
    this.#chunks = ctx.body.chunks;
  }

  start(): void {
    const { wheel } = this.#ctx.services;
    this.cluster.state.mirrors.active += 1;
    this.#endpoint.countActive(1);
    wheel.arm(this.#deadline, this.#timeoutMs);
    const got = poolOf(this.#endpoint, wheel).acquire(this, false);
    if (got === "overflow") this.#end(false);
    else if (got === "waiting") this.#isWaiting = true;
    else this.onConnection(got);
  }

  onConnection(connection: UpstreamConnection): void {
    this.#isWaiting = false;
    this.#connection = connection;
    if (connection.isConnected) this.onConnected();
  }

  onConnected(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const { head, body } = this.#ctx;
    const isChunked = head.framing === "chunked";
    connection.beginRequest(head.method, "");
    connection.writer.text(this.#headText);
    for (const chunk of this.#chunks) {
      if (isChunked) connection.writer.text(chunkHeadText(chunk.length));
      connection.writer.bytes(chunk, 0, chunk.length);
      if (isChunked) connection.writer.text(CHUNK_END);
    }
    if (isChunked) connection.writer.text(lastChunkText(body.trailers));
    connection.endRequest();
    connection.flush();
  }

  /** Nobody reads the answer; it is only read to its end, so that the connection serves again. */
  onHead(): void {}
  onBody(): void {}
  onBatch(): void {}
  onWritable(): void {}
  /** A copy asks for no upgrade. */
  onTunnel(): void {}

  onEnd(): void {
    this.#connection = undefined;
    this.#end(true);
  }

  onBroken(): void {
    this.#connection = undefined;
    this.#end(false);
  }

  onBug(error: unknown): void {
    this.#connection = undefined;
    this.#ctx.services.onBug(error);
    this.#end(false);
  }

  onDeadline(): void {
    this.#end(false);
  }

  #end(isAnswered: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { wheel } = this.#ctx.services;
    const { mirrors } = this.cluster.state;
    mirrors.active -= 1;
    if (isAnswered) mirrors.answered += 1;
    else mirrors.failed += 1;
    this.#endpoint.countActive(-1);
    wheel.cancel(this.#deadline);
    if (this.#isWaiting) poolOf(this.#endpoint, wheel).leave(this);
    this.#connection?.abandon();
  }
}

/** The copy says that it is one, in Envoy's way by its Host and in a header that an app can branch on. */
function shadowHeadText(ctx: RequestContext, route: ForwardRuntime): string {
  const { head } = ctx;
  return requestHeadText({
    method: head.method,
    target: route.target(head),
    authority: shadowAuthority(route.authority(head)),
    headers: head.headers,
    framing: head.framing,
    contentLength: head.contentLength,
    extraLines: `x-heddle-shadow: 1\r\n${shadowPropagationLines(ctx)}`,
    keepAlive: true,
    acceptsTrailers: false,
    expectsContinue: false,
    upgrade: "",
  });
}

/** `reviews:80` becomes `reviews-shadow:80`; an address stays as it is, for it has no name to change. */
export function shadowAuthority(authority: string): string {
  if (authority.startsWith("[")) return authority;
  const colon = authority.indexOf(":");
  const host = colon < 0 ? authority : authority.slice(0, colon);
  if (host === "" || /^[\d.]+$/.test(host)) return authority;
  return `${host}-shadow${authority.slice(host.length)}`;
}
