import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, it } from "node:test";

import { freePort, PORT_MAX, PORT_MIN } from "../../../cli/demo/free-port.ts";
import { seededRandom } from "../../../shared/random.ts";

describe("a port for a program of the demo", () => {
  it("is none that the system gives to others, and none that is taken", async (t) => {
    const seed = Date.now();
    const first = await freePort(seededRandom(seed));
    assert.ok(first >= PORT_MIN && first < PORT_MAX, `${first}, seed ${seed}`);
    const server = createServer().listen(first, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    assert.notEqual(await freePort(seededRandom(seed)), first, `seed ${seed}`);
  });
});
