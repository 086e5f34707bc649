import { Exchange } from "./exchange.ts";
import type { Order, Report } from "./order.ts";
import { requestTemplate } from "./shapes.ts";

/** Opened at a time, so that no accept queue overflows. */
const BATCH = 20;

let held: Exchange[] = [];

/** Lets go of what the last order held, then opens `connections`, each with one request behind it. */
export async function holdIdle(order: Order & { kind: "idle" }): Promise<Pick<Report, "requests" | "payloadBytes">> {
  for (const exchange of held) exchange.close();
  held = [];
  while (held.length < order.connections) {
    const size = Math.min(BATCH, order.connections - held.length);
    held.push(...(await Promise.all(Array.from({ length: size }, (_, index) => open(order, held.length + index)))));
  }
  return { requests: held.length, payloadBytes: 0 };
}

function open(order: Order & { kind: "idle" }, id: number): Promise<Exchange> {
  const template = requestTemplate("get", order.authority);
  return new Promise((resolve, reject) => {
    void new Exchange(order, template, {
      onConnected: (exchange) => exchange.send(id),
      onAnswered: resolve,
      onFailed: (reason) => reject(new Error(reason)),
    });
  });
}
