/** What a proxy tells the control plane beside its stream, as generated. */
export {
  DrainRequest,
  DrainResponse,
  MembershipClient,
  MembershipService,
  type MembershipServer,
} from "../generated/heddle/discovery/v1/membership.ts";
