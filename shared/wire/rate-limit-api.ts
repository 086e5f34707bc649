/** Envoy's rate limit service, as generated; what Heddle's proxies say over it stands in token-lease-wire.ts. */
export {
  RateLimitRequest,
  RateLimitResponse,
  RateLimitResponse_Code,
  RateLimitResponse_DescriptorStatus,
  RateLimitResponse_RateLimit_Unit,
  RateLimitServiceClient,
  RateLimitServiceService,
} from "../generated/envoy/service/ratelimit/v3/rls.ts";
