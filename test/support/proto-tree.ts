import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";

import protobuf from "protobufjs";

import { packageRoot } from "../../shared/package-root.ts";

/** Our proto files as protobufjs reads them: a second codec, which shares no code with the generated one. */
export const protoTree: protobuf.Root = load();

function load(): protobuf.Root {
  const folder = join(packageRoot, "proto");
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => {
    const file = join(folder, target);
    // google/protobuf comes with protobufjs itself.
    return existsSync(file) ? file : target;
  };
  root.loadSync(globSync("**/*.proto", { cwd: folder }), { keepCase: true });
  root.resolveAll();
  return root;
}

/** All messages of the tree but Google's own, with full names (`envoy.config.route.v3.Route`). */
export function messagesOf(space: protobuf.NamespaceBase = protoTree): protobuf.Type[] {
  return space.nestedArray.flatMap((nested) => {
    if (!(nested instanceof protobuf.Namespace) || nested.fullName === ".google.protobuf") return [];
    return [...(nested instanceof protobuf.Type ? [nested] : []), ...messagesOf(nested)];
  });
}

/** The content of a message as plain data: set fields only, enums by name, 64-bit numbers as text, bytes as base64. */
export function decodePlain(fullName: string, bytes: Uint8Array): Record<string, unknown> {
  const type = protoTree.lookupType(fullName);
  return type.toObject(type.decode(bytes), { enums: String, longs: String, bytes: String });
}

/** The same with what is packed in an `Any` unpacked, for people who read it. */
export function decodeReadable(fullName: string, bytes: Uint8Array): unknown {
  return unpacked(decodePlain(fullName, bytes));
}

function unpacked(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(unpacked);
  const { type_url: url, value: packed } = value as Readonly<Record<string, unknown>>;
  if (typeof url === "string") {
    const type = url.slice(url.indexOf("/") + 1);
    const bytes = Buffer.from(typeof packed === "string" ? packed : "", "base64");
    return { "@type": type, ...decodePlainDeep(type, bytes) };
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, unpacked(inner)]));
}

function decodePlainDeep(type: string, bytes: Uint8Array): object {
  const decoded = unpacked(decodePlain(type, bytes));
  return typeof decoded === "object" && decoded !== null ? decoded : {};
}

/** Reference data beside the project, or the reason why its test skips. */
export function readReference<T>(path: string): { readonly data: T } | { readonly skip: string } {
  const file = join(packageRoot, "..", "shared", path);
  if (!existsSync(file)) return { skip: `../shared/${path} not present` };
  // The shape is that of the folder's description; data of another shape fails the test that reads it.
  return { data: JSON.parse(readFileSync(file, "utf8")) as T };
}
