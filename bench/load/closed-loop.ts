import { Exchange } from "./exchange.ts";
import type { Order, Report } from "./order.ts";
import { requestTemplate } from "./shapes.ts";

/** What a late answer may take after the end before the run counts as stuck. */
const GRACE_MS = 10_000;

export function closedLoop(order: Order & { kind: "closed" }): Promise<Pick<Report, "requests" | "payloadBytes">> {
  const template = requestTemplate(order.shape, order.authority);
  return new Promise((resolve, reject) => {
    const exchanges = new Set<Exchange>();
    let nextId = 0;
    let answered = 0;
    let isOver = false;
    const end = setTimeout(() => (isOver = true), order.seconds * 1_000);
    const stuck = setTimeout(
      () => fail(`${exchanges.size} requests had no answer after ${GRACE_MS} ms`),
      order.seconds * 1_000 + GRACE_MS,
    );
    const close = (): void => {
      clearTimeout(end);
      clearTimeout(stuck);
      for (const exchange of exchanges) exchange.close();
    };
    const fail = (reason: string): void => {
      close();
      reject(new Error(reason));
    };
    const send = (exchange: Exchange): void => exchange.send(nextId++);
    const onAnswered = (exchange: Exchange): void => {
      answered += 1;
      if (!isOver) return send(exchange);
      exchange.close();
      exchanges.delete(exchange);
      if (exchanges.size > 0) return;
      close();
      resolve({ requests: answered, payloadBytes: answered * (template.requestBytes + template.responseBytes) });
    };
    for (let index = 0; index < order.connections; index += 1)
      exchanges.add(new Exchange(order, template, { onConnected: send, onAnswered, onFailed: fail }));
  });
}
