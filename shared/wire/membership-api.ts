/** What a proxy tells the control plane beside its stream, as generated. */
export {
  AppHealth,
  DrainRequest,
  DrainResponse,
  MembershipClient,
  MembershipService,
  type MembershipServer,
  ReportHealthRequest,
} from "../generated/heddle/discovery/v1/membership.ts";
