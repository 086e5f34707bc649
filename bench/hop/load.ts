import { connect } from "node:net";

// A closed loop of `connections` that send `requests` small GETs in all, in a process of its own so that its cost is not
// counted as the proxy's. Asked and answered over the channel to the parent.

interface Order {
  readonly port: number;
  readonly requests: number;
  readonly connections: number;
}

const ID_CHARS = 8;
const AFTER_ID = "?full=1 HTTP/1.1\r\nhost: reviews\r\nuser-agent: hop\r\naccept: */*\r\n\r\n";

function run(order: Order): Promise<number> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let answered = 0;
    const started = process.hrtime.bigint();
    for (let index = 0; index < order.connections; index += 1) {
      const socket = connect({ port: order.port, host: "127.0.0.1", noDelay: true });
      let responseBytes = 0;
      let received = 0;
      let id = "";
      const send = (): void => {
        if (sent === order.requests) {
          socket.end();
          return;
        }
        sent += 1;
        received = 0;
        id = String(sent).padStart(ID_CHARS, "0");
        socket.write(`GET /reviews/${id}${AFTER_ID}`, "latin1");
      };
      socket.on("connect", send);
      socket.on("data", (bytes: Buffer) => {
        if (responseBytes === 0) {
          const text = bytes.toString("latin1");
          const head = text.indexOf("\r\n\r\n");
          const length = /\r\ncontent-length: (\d+)/i.exec(text);
          if (!text.startsWith("HTTP/1.1 200") || head < 0 || length === null)
            reject(new Error(`not a response of the upstream: ${text.slice(0, 200)}`));
          else if (!text.startsWith(id, head + 4))
            reject(new Error(`the answer of another request than ${id}: ${text}`));
          else responseBytes = head + 4 + Number(length[1]);
        }
        received += bytes.length;
        if (received < responseBytes) return;
        if (received > responseBytes) reject(new Error("more bytes than one response"));
        // Heads may differ in length from one request to the next (a Date header): learn anew.
        responseBytes = 0;
        answered += 1;
        if (answered === order.requests) resolve(Number(process.hrtime.bigint() - started) / 1e6);
        send();
      });
      socket.on("error", reject);
    }
  });
}

process.on("message", (order: Order) => {
  run(order).then(
    (elapsedMs) => process.send?.({ elapsedMs }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
process.send?.({ port: 0 });
