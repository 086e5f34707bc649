/** Character classes of RFC 9110 and 9112 as byte tables: one load per byte in the scanners. */

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const QUOTE = 0x22;
export const SLASH = 0x2f;
export const ZERO = 0x30;
export const NINE = 0x39;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const BACKSLASH = 0x5c;

/** The lower-case byte of a token character, or 0 for any other byte: one load checks and folds. */
export const TOKEN_LOWER = table((code) => (isTokenChar(code) ? lower(code) : 0));
/** 1 for a byte of a field value: HTAB, SP, VCHAR, obs-text. */
export const FIELD_VALUE = table((code) => Number(code === HTAB || (code >= SP && code !== 0x7f)));
/** 1 for a byte of a request target: printable ASCII without `#` (R4) and `\` (R5). */
export const TARGET = table((code) => Number(code > SP && code < 0x7f && code !== 0x23 && code !== BACKSLASH));
/** The same with `\`, for path modes that read it as a slash. */
export const TARGET_OR_BACKSLASH = table((code) => Number(TARGET[code] === 1 || code === BACKSLASH));
/** The value of a hexadecimal digit, or 255. */
export const HEX_VALUE = table((code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? 255 : digit;
});
/** 1 for a byte that a quoted string may hold unescaped: field value bytes without `"` and `\`. */
export const QUOTED_TEXT = table((code) => Number(FIELD_VALUE[code] === 1 && code !== QUOTE && code !== BACKSLASH));

/** Whether `text` is a token of RFC 9110 5.6.2. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0xff || TOKEN_LOWER[code] === 0) return false;
  }
  return text.length > 0;
}

/** Whether `text` can stand in a field value: no control characters, nothing beyond Latin-1. */
export function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0xff || FIELD_VALUE[code] === 0) return false;
  }
  return true;
}

/** The members of a comma list, each without the SP and HTAB around it: `trim` would take more than those two. */
export function listMembers(text: string): string[] {
  return text.split(",").map(trimmed);
}

/** `text` without optional white space (SP, HTAB) at its ends. */
export function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}

function table(valueOf: (code: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => valueOf(code));
}

function isTokenChar(code: number): boolean {
  return /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code));
}

function lower(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}
