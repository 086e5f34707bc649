/** Both directions of the ADS stream, for those who need both. */
export * from "./discovery-request.ts";
export * from "./discovery-response.ts";
