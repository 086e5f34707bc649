import { XDS_RESPONSE_BYTES_MAX } from "../../shared/limits.ts";
import { violation, type Violation } from "../../shared/violation.ts";
import { meshOf, revisionOf, type SessionResponse } from "./discovery-message.ts";

/**
 * Why a response is refused before anyone looks at its resources: it is too large, of another mesh, or older than what
 * is held. A control plane that was restored from a backup, or a second one started on an empty store by mistake, must
 * not take a working mesh back (control-plane-reliability.md O11).
 */
export function objection(
  response: SessionResponse,
  held: { readonly version: string; readonly meshId: string },
  { acceptOlder }: { readonly acceptOlder: boolean },
): Violation | undefined {
  const bytes = response.resources.reduce((sum, one) => sum + one.bytes.length, 0);
  if (bytes > XDS_RESPONSE_BYTES_MAX) {
    return violation("", `the response has ${bytes} bytes of resources; at most ${XDS_RESPONSE_BYTES_MAX} are taken`);
  }
  if (acceptOlder) return undefined;
  const foreign = otherMesh(meshOf(response.server) ?? "", held.meshId);
  if (foreign !== undefined) return foreign;
  const offeredRevision = revisionOf(response.version);
  const heldRevision = revisionOf(held.version);
  if (offeredRevision === undefined || heldRevision === undefined || offeredRevision >= heldRevision) return undefined;
  return violation(
    "",
    `revision ${offeredRevision} is older than revision ${heldRevision}, which this proxy holds; ` +
      "start it with --accept-older to take it",
  );
}

/** Undefined when both are the same, or one is not known (""). */
export function otherMesh(offered: string, own: string): Violation | undefined {
  if (offered === "" || own === "" || offered === own) return undefined;
  return violation(
    "",
    `the resources are of mesh ${offered}, but this proxy belongs to mesh ${own}; ` +
      "start it with another --state folder, or with --accept-older to change over",
  );
}
