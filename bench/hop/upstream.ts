import { createServer, type Socket } from "node:net";

// The cheapest honest upstream: answers each request head with a response that repeats the id in its path, on raw sockets.
// It ends with its parent.

const BODY_BYTES = 128;
const HEAD_END = "\r\n\r\n";
const BEFORE_ID = "/reviews/";
const ID_CHARS = 8;
const HEAD = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY_BYTES}${HEAD_END}`;
const FILLING = "x".repeat(BODY_BYTES - ID_CHARS);

function serve(socket: Socket): void {
  let pending = "";
  socket.on("data", (bytes: Buffer) => {
    pending += bytes.toString("latin1");
    let responses = "";
    for (;;) {
      const end = pending.indexOf(HEAD_END);
      if (end < 0) break;
      const id = pending.indexOf(BEFORE_ID) + BEFORE_ID.length;
      responses += HEAD + pending.slice(id, id + ID_CHARS) + FILLING;
      pending = pending.slice(end + HEAD_END.length);
    }
    if (responses !== "") socket.write(responses, "latin1");
  });
  socket.on("error", () => socket.destroy());
}

const server = createServer({ noDelay: true }, serve);
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on("disconnect", () => process.exit(0));
