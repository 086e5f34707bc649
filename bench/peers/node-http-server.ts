import { Agent, createServer, request } from "node:http";

// Keep-alive on both sides, streams piped, nothing of a mesh. Arguments: own port, upstream's port.

const [port, upstreamPort] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true });

const server = createServer((incoming, outgoing) => {
  const { method, url, headers } = incoming;
  const forwarded = request(
    { agent, host: "127.0.0.1", port: upstreamPort, method, path: url, headers },
    (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.rawHeaders);
      response.pipe(outgoing);
    },
  );
  forwarded.on("error", () => outgoing.destroy());
  outgoing.on("close", () => {
    if (!outgoing.writableFinished) forwarded.destroy();
  });
  incoming.pipe(forwarded);
});
server.keepAliveTimeout = 60_000;
server.listen({ port, host: "127.0.0.1", backlog: 1024 });
