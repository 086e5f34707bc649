/**
 * How one column of a row is described, once, for everybody: validation, defaults, documents, the wire and the flags of
 * the command line are all derived from it.
 */
export interface Field {
  readonly shape: Shape;
  /** After the number in messages and help. */
  readonly unit: "" | " ms" | " s" | "%";
  /** `key` names the row, `server` is written by the control plane and ignored in input. */
  readonly role: "key" | "setting" | "server";
  readonly required: boolean;
  /** What an omitted field becomes: Apply is a PUT (seed F4.28). Null is "unset"; meaningless when required. */
  readonly fallback: unknown;
  /** One line without a full stop; {@link describeField} adds range and default. */
  readonly help: string;
}

/** What values a field takes. */
export type Shape =
  | { readonly type: "integer"; readonly min: number; readonly max: number }
  | { readonly type: "boolean" }
  | { readonly type: "choice"; readonly values: readonly (string | number)[] }
  | { readonly type: "text"; readonly charsMax: number; readonly pattern: RegExp; readonly words: string }
  | { readonly type: "ip" }
  | { readonly type: "path" }
  | { readonly type: "regex" }
  /** `header:NAME`, `cookie:NAME` or `source`. */
  | { readonly type: "hash-on" }
  /** Names and the values they must equal. */
  | { readonly type: "pairs"; readonly of: "headers" | "query" }
  | { readonly type: "methods" }
  /** At least one of these words. */
  | { readonly type: "words"; readonly values: readonly string[] }
  /** At least one number. */
  | { readonly type: "integers"; readonly min: number; readonly max: number; readonly countMax: number }
  /** `client`, `total` or `header:NAME`. */
  | { readonly type: "rate-limit-by" }
  /** `service` or `service/version`. */
  | { readonly type: "cluster" }
  | { readonly type: "record"; readonly fields: FieldTable }
  | { readonly type: "records"; readonly fields: FieldTable; readonly countMax: number };

/** Fields by property name, in the order of documents and tables. */
export type FieldTable = Readonly<Record<string, Field>>;

/** A table that has every property of a row and no other: the compiler finds a forgotten column. */
export type FieldsOf<R> = { readonly [P in Exclude<keyof R, "kind">]-?: Field };

/**
 * `v1Weight` -> `v1_weight`: the name of the column, of the proto field and of the key in a document. `5xx` is a word of
 * its own (`outlierConsecutive5xx`).
 */
export function columnOf(property: string): string {
  const known = columns.get(property);
  if (known !== undefined) return known;
  const column = property.replace(/[A-Z]|5xx/g, (start) => `_${start.toLowerCase()}`);
  columns.set(property, column);
  return column;
}

/** Bounded by the properties of the field tables: no name from outside comes here. A bundle asks 100,000 times. */
const columns = new Map<string, string>();

/** The allowed values in words: `1-10`, `one of a, b`, `an IPv4 or IPv6 address`. */
export function describeRange(field: Field): string {
  const { shape } = field;
  switch (shape.type) {
    case "integer":
      return `${shape.min}-${shape.max}${field.unit}`;
    case "boolean":
      return "true or false";
    case "choice":
      return `one of ${shape.values.join(", ")}`;
    case "text":
      return shape.words;
    case "ip":
      return "an IPv4 or IPv6 address";
    case "path":
      return 'a path that begins with "/", without query, fragment or spaces';
    case "regex":
      return "a regular expression in RE2 syntax";
    case "hash-on":
      return "header:NAME, cookie:NAME or source";
    case "pairs":
      return shape.of === "headers" ? "an object of header names and values" : "an object of query names and values";
    case "methods":
      return "a list of HTTP methods";
    case "words":
      return `a list of one or more of ${shape.values.join(", ")}`;
    case "integers":
      return `a list of 1-${shape.countMax} numbers of ${shape.min}-${shape.max}`;
    case "rate-limit-by":
      return "client, total or header:NAME";
    case "cluster":
      return "SERVICE or SERVICE/VERSION";
    case "record":
      return `an object of ${Object.keys(shape.fields).map(columnOf).join(", ")}`;
    case "records":
      return `a list of objects of ${Object.keys(shape.fields).map(columnOf).join(", ")}`;
  }
}

/** Help for a person: what it is, what it may be, what it is when left out. */
export function describeField(field: Field): string {
  const parts = [describeRange(field)];
  const fallback = Array.isArray(field.fallback) ? field.fallback.join(", ") : String(field.fallback ?? "");
  if (!field.required && fallback !== "") parts.push(`default ${fallback}`);
  return `${field.help} (${parts.join("; ")})`;
}
