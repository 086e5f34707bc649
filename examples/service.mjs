// A service with no mesh code in it. Usage: node service.mjs NAME PORT
import { createServer } from "node:http";

const [name = "service", port = "9101"] = process.argv.slice(2);
createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify({ name, method: request.method, path: request.url })}\n`);
}).listen(Number(port), "127.0.0.1", () => console.log(`${name} listens on 127.0.0.1:${port}`));
