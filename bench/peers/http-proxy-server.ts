import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { pathToFileURL } from "node:url";

// The npm package http-proxy with keep-alive on both sides. Arguments: own port, upstream's port, the package's file.

/** The part of its interface that is used here; it is not among our dependencies. */
interface HttpProxy {
  createProxyServer(options: { readonly target: string; readonly agent: Agent }): {
    web(incoming: IncomingMessage, outgoing: ServerResponse): void;
    on(event: "error", listener: (error: Error, incoming: IncomingMessage, outgoing: ServerResponse) => void): void;
  };
}

const [port, upstreamPort, file = ""] = process.argv.slice(2);
const { default: httpProxy } = (await import(pathToFileURL(file).href)) as { default: HttpProxy };
const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${upstreamPort}`,
  agent: new Agent({ keepAlive: true }),
});
proxy.on("error", (_error, _incoming, outgoing) => void outgoing.destroy());
const server = createServer((incoming, outgoing) => proxy.web(incoming, outgoing));
server.keepAliveTimeout = 60_000;
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 1024 });
