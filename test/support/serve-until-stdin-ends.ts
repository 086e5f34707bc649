/** A proxy in a process of its own, in front of the port it is given: tells its port, and ends when its input does. */

import { ProxyFixture } from "./proxy-fixture.ts";

const ends: (() => void)[] = [];
const proxy = new ProxyFixture([Number(process.argv[2])]);
await proxy.start({ after: (end: () => void) => ends.push(end) });
console.log(proxy.port);
process.stdin.resume();
process.stdin.on("end", () => {
  for (const end of ends) end();
});
