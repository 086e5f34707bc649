import { once } from "node:events";
import { describe, it } from "node:test";

import { credentials } from "@grpc/grpc-js";

import { formatAddress } from "../../../shared/address.ts";
import { ServicePoliciesClient } from "../../../shared/wire/admin-api.ts";
import { openControlPlane } from "../../support/control-plane.ts";

describe("a control plane that is told to stop", { timeout: 15_000 }, () => {
  it("is gone after its grace, though somebody watches and does not let go", async (t) => {
    const controlPlane = await openControlPlane(t);
    const client = new ServicePoliciesClient(formatAddress(controlPlane.admin), credentials.createInsecure());
    t.after(() => client.close());
    const watched = client.watch({});
    watched.on("error", () => undefined);
    t.after(() => watched.cancel());
    await once(watched, "data");
    // Its keepalive would end the watch after 30 s, and this test before that.
    await controlPlane.stop();
  });
});
