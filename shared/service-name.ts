import { SERVICE_NAME_CHARS_MAX } from "./limits.ts";

/** What a service, or another row that is called by name, may be called; its length is bounded beside it. */
export const SERVICE_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/** The same for people. */
export const SERVICE_NAME_WORDS = `1-${SERVICE_NAME_CHARS_MAX} letters, digits, ".", "-" or "_", a letter or digit first and last`;
