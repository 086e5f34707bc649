/**
 * A proxyless gRPC client in a process of its own, for grpc-js-xds registers itself globally and reads its bootstrap from
 * the environment: calls the echo method of `xds:///SERVICE` as often as asked and prints each answer on a line.
 */
import { Client, credentials } from "@grpc/grpc-js";
import { register } from "@grpc/grpc-js-xds";

const [service = "", calls = "1"] = process.argv.slice(2);
register();
const client = new Client(`xds:///${service}`, credentials.createInsecure());
const pass = (bytes: Buffer): Buffer => bytes;

for (let index = 0; index < Number(calls); index += 1) {
  const answer = await new Promise<string>((resolve) => {
    const options = { deadline: Date.now() + 10_000 };
    client.makeUnaryRequest("/test.Echo/Echo", pass, pass, Buffer.from("hello"), options, (error, value) => {
      resolve(error === null ? String(value) : `error ${error.code}: ${error.details}`);
    });
  });
  process.stdout.write(`${answer}\n`);
}
client.close();
process.exit(0);
