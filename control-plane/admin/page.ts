import { status } from "@grpc/grpc-js";

import { PAGE_BYTES_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from "../../shared/limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { refusal, type Refusal } from "./refusal.ts";

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/**
 * One page of a list that is sorted by `keyOf`. A token holds the last key of the page before, so that it stays right
 * when rows come and go between two calls. `bytesOf` ends a page early, so that it fits a message.
 */
export function pageOf<T>(
  sorted: readonly T[],
  request: PageRequest,
  keyOf: (item: T) => string,
  bytesOf: (item: T) => number,
): Result<Page<T>, Refusal> {
  const size = readPageSize(request.pageSize);
  if (!size.ok) return size;
  const after = readToken(request.pageToken);
  if (!after.ok) return after;
  const start = after.value === undefined ? 0 : firstAfter(sorted, after.value, keyOf);
  const items = firstWithin(sorted.slice(start, start + size.value), PAGE_BYTES_MAX, bytesOf);
  const last = items.at(-1);
  const isLast = last === undefined || start + items.length >= sorted.length;
  return ok({ items, nextPageToken: isLast ? "" : tokenOf(keyOf(last)) });
}

/** As many items from the front as have at most `bytesMax` bytes together; one at least, however large. */
export function firstWithin<T>(items: readonly T[], bytesMax: number, bytesOf: (item: T) => number): readonly T[] {
  let bytes = 0;
  const end = items.findIndex((item, index) => {
    bytes += bytesOf(item);
    return bytes > bytesMax && index > 0;
  });
  return end === -1 ? items : items.slice(0, end);
}

export function readPageSize(pageSize: number): Result<number, Refusal> {
  if (pageSize === 0) return ok(PAGE_SIZE_DEFAULT);
  if (pageSize >= 1 && pageSize <= PAGE_SIZE_MAX) return ok(pageSize);
  return err(refusal(status.INVALID_ARGUMENT, `page_size must be 1-${PAGE_SIZE_MAX} (got ${pageSize})`));
}

export function tokenOf(key: string): string {
  return Buffer.from(`k${key}`).toString("base64url");
}

/** The key of a token; undefined for the first page. */
export function readToken(token: string): Result<string | undefined, Refusal> {
  if (token === "") return ok(undefined);
  const text = Buffer.from(token, "base64url").toString();
  if (text.startsWith("k") && tokenOf(text.slice(1)) === token) return ok(text.slice(1));
  return err(refusal(status.INVALID_ARGUMENT, "page_token must be the next_page_token of an answer of this method"));
}

/** Binary search: the first item whose key is greater. */
function firstAfter<T>(sorted: readonly T[], key: string, keyOf: (item: T) => string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = sorted[middle];
    if (item !== undefined && keyOf(item) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
