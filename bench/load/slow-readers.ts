import { Exchange } from "./exchange.ts";
import type { Order, Report } from "./order.ts";
import { DOWNLOAD_BYTES, requestTemplate } from "./shapes.ts";

/** Times the nominal duration: a proxy that stalls is a failure, not a long wait. */
const PATIENCE = 10;

/** Every connection downloads once, reading a piece and pausing for as long as it should have taken. */
export function slowReaders(order: Order & { kind: "slow" }): Promise<Pick<Report, "requests" | "payloadBytes">> {
  const template = requestTemplate("download-8m", order.authority);
  return new Promise((resolve, reject) => {
    const exchanges: Exchange[] = [];
    let answered = 0;
    const fail = (reason: string): void => {
      clearTimeout(stuck);
      for (const exchange of exchanges) exchange.close();
      reject(new Error(reason));
    };
    const nominalMs = (DOWNLOAD_BYTES / order.bytesPerSecond) * 1_000;
    const stuck = setTimeout(() => fail("a slow download stands still"), PATIENCE * nominalMs);
    const onConnected = (exchange: Exchange): void => exchange.send(exchanges.indexOf(exchange));
    const onAnswered = (exchange: Exchange): void => {
      exchange.close();
      answered += 1;
      if (answered < order.connections) return;
      clearTimeout(stuck);
      resolve({ requests: answered, payloadBytes: answered * DOWNLOAD_BYTES });
    };
    for (let index = 0; index < order.connections; index += 1) {
      const exchange = new Exchange(order, template, { onConnected, onAnswered, onFailed: fail });
      exchange.pauseMsPerByte = 1_000 / order.bytesPerSecond;
      exchanges.push(exchange);
    }
  });
}
