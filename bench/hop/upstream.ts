import { createServer, type Socket } from "node:net";

// The cheapest honest upstream: answers each request head with one fixed response, on raw sockets. It ends with its parent.

const BODY = "x".repeat(Number(process.argv[2] ?? 128));
const RESPONSE = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
const HEAD_END = "\r\n\r\n";

function serve(socket: Socket): void {
  let pending = "";
  socket.on("data", (bytes: Buffer) => {
    pending += bytes.toString("latin1");
    let responses = "";
    for (;;) {
      const end = pending.indexOf(HEAD_END);
      if (end < 0) break;
      pending = pending.slice(end + HEAD_END.length);
      responses += RESPONSE;
    }
    if (responses !== "") socket.write(responses, "latin1");
  });
  socket.on("error", () => socket.destroy());
}

const server = createServer({ noDelay: true }, serve);
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on("disconnect", () => process.exit(0));
