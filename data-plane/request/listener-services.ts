import type { Clock } from "../../shared/clock.ts";
import type { Ids, Random } from "../../shared/random.ts";
import type { TimerWheel } from "../../shared/timer-wheel.ts";
import type { RequestDecoderOptions } from "../http1/request-decoder.ts";
import type { RateLimits } from "../runtime/rate-limits.ts";
import type { LoadShedder } from "../policy/load-shedder.ts";
import type { ResponseCache } from "../policy/response-cache.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { RequestSink } from "../telemetry/request-record.ts";
import type { Egress } from "../upstream/egress.ts";
import type { InboundCalls } from "./inbound-calls.ts";
import type { NewsExchange } from "../workers/news-exchange.ts";

/** Who this proxy stands beside. */
export interface Identity {
  readonly service: string;
  readonly version: string;
}

/** What all requests of one listener share. */
export interface ListenerServices {
  /** The listener's name in logs. */
  readonly name: string;
  /** The listener of the Runtime that says how to route. */
  readonly routesOf: string;
  readonly direction: "inbound" | "outbound" | "unspecified";
  /** Every request goes to this service, whatever its Host; undefined: the request says where. */
  readonly fixedAuthority: string | undefined;
  readonly runtimeOf: () => Runtime;
  readonly sink: RequestSink;
  /** Refuses requests when the process has too many. */
  readonly shedder: LoadShedder;
  /** The last good answers, of all listeners of the process. */
  readonly responses: ResponseCache;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly ids: Ids;
  readonly identity: Identity;
  /** One for all listeners of the proxy. */
  readonly rateLimits: RateLimits;
  /** Tells the other workers; undefined: there are none. */
  readonly news: NewsExchange | undefined;
  /** The way out of the mesh; undefined: there is none. */
  readonly egress: Egress | undefined;
  /** Share of the traces started here that are sampled. */
  readonly sampleRatio: number;
  /** How long a request may be without a byte in either direction; 0: for ever. */
  readonly streamIdleMs: number;
  /** The same for a request that has become a tunnel. */
  readonly tunnelIdleMs: number;
  readonly codec: RequestDecoderOptions;
  /** What the app is answering now; the inbound side writes, the outbound side reads. */
  readonly calls: InboundCalls;
  /** A bug of ours ended a request. */
  readonly onBug: (error: unknown) => void;
}
