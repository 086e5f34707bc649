/** The admin API as generated: messages, `XService` definitions for servers and `XClient` stubs. */
export * from "../generated/heddle/admin/v1/admin.ts";
