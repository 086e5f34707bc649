import { once } from "node:events";
import { createServer } from "node:net";

import type { Address } from "../../shared/address.ts";

/**
 * Settles with the address; rejects with the system's error when somebody else has the port. A port that several workers share is one that any
 * process of the same user may join, and would then take a part of the connections without a word: so it is opened alone
 * first, and closed again.
 */
export async function checkUnused(address: Address): Promise<Address> {
  const server = createServer();
  server.listen(address.port, address.host);
  await once(server, "listening");
  server.close();
  await once(server, "close");
  return address;
}
