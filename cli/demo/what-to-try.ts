import type { DemoMesh } from "./demo-mesh.ts";

/** Commands for a mesh that was left running. They can be copied as they stand. */
export function whatToTry(mesh: DemoMesh): string {
  return `
The mesh goes on running; Ctrl-C ends it. In another terminal:

  export HEDDLE_SERVER=${mesh.server}
  heddle ps
  heddle list endpoints
  heddle pc routes web-1
  curl -H 'Host: web' http://${mesh.addressOf("web-1", "inbound")}/products/1
  heddle split set reviews --v1-weight 50 --wait
  heddle history
  heddle rollback r1 --dry-run
  curl http://${mesh.addressOf("web-1", "admin")}/metrics
  heddle pc endpoints --proxy ${mesh.addressOf("web-1", "admin")}   # also with the control plane dead
`;
}
