/** `npm run chaos -- stories` tells the stories at full length and rate; the suite in short, for two busy cores. */
export const isLongForm = process.env["HEDDLE_STORIES"] === "long";

/** The one of the two that is told now. */
export function inForm<T>(short: T, long: T): T {
  return isLongForm ? long : short;
}
