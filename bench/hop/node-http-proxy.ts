import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

// The least that a proxy on node:http can be: keep-alive on both sides, streams piped, nothing of a mesh. The yardstick.

const upstreamPort = Number(process.argv[2]);
const agent = new Agent({ keepAlive: true });

const server = createServer((incoming, outgoing) => {
  const { method, url, headers } = incoming;
  const options = { agent, host: "127.0.0.1", port: upstreamPort, method, path: url, headers };
  const forwarded = request(options, (response) => {
    outgoing.writeHead(response.statusCode ?? 502, response.rawHeaders);
    response.pipe(outgoing);
  });
  forwarded.on("error", () => outgoing.destroy());
  incoming.pipe(forwarded);
});
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on("disconnect", () => process.exit(0));
