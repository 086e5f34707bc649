import { credentials, makeGenericClientConstructor, Metadata, type ServiceError } from "@grpc/grpc-js";

import { ADMIN_CALL_TIMEOUT_MS } from "../../shared/defaults.ts";
import { inputError, usageError } from "../cli-error.ts";
import { errorOfCall } from "./call-error.ts";
import type { ReflectedMethod } from "./reflection.ts";

export interface ReflectedCall {
  readonly methods: readonly ReflectedMethod[];
  /** As typed: `Service/Method`, `Service.Method` or `Method`. */
  readonly method: string;
  /** The request as JSON. */
  readonly text: string;
}

export function listMethods(methods: readonly ReflectedMethod[]): string {
  return methods
    .map(({ name, definition }) => {
      const stream = definition.responseStream ? "stream " : "";
      const request = definition.requestType.type as { readonly name?: string }; // a message's descriptor
      const response = definition.responseType.type as { readonly name?: string };
      return `${name}(${request.name ?? ""}) -> ${stream}${response.name ?? ""}\n`;
    })
    .toSorted()
    .join("");
}

/** Calls one method; `print` gets one JSON text per answer. */
export async function callMethod(server: string, call: ReflectedCall, print: (text: string) => void): Promise<void> {
  const { definition } = chosen(call.methods, call.method);
  if (definition.requestStream) throw usageError(`${call.method} takes a stream of requests; call sends one`);
  const request = parseRequest(call.text);
  refuseUnknownFields(request, definition.requestDeserialize(definition.requestSerialize(request)), "");
  const Client = makeGenericClientConstructor({ method: definition }, "Reflected");
  const client = new Client(server, credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
  try {
    const stream = client.makeServerStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      request,
      new Metadata(),
      definition.responseStream ? {} : { deadline: Date.now() + ADMIN_CALL_TIMEOUT_MS },
    );
    const indent = definition.responseStream ? undefined : 2;
    for await (const answer of stream) print(`${JSON.stringify(answer, undefined, indent)}\n`);
  } catch (error) {
    throw errorOfCall(error as ServiceError, server); // grpc-js ends its streams with no other kind of error
  } finally {
    client.close();
  }
}

function chosen(methods: readonly ReflectedMethod[], typed: string): ReflectedMethod {
  const wanted = typed.replace(/^\//, "").replace(/\.([A-Za-z]+)$/, "/$1");
  const found = methods.filter(
    ({ name }) => name === wanted || name.endsWith(`.${wanted}`) || name.endsWith(`/${wanted}`),
  );
  const [only, another] = found;
  if (only === undefined) throw usageError(`the server has no method ${typed}`, "heddle call --list");
  if (another === undefined) return only;
  throw usageError(`${typed} may be ${found.map(({ name }) => name).join(" or ")}`, `heddle call ${only.name} '{}'`);
}

function parseRequest(text: string): object {
  try {
    const request: unknown = JSON.parse(text);
    if (typeof request === "object" && request !== null && !Array.isArray(request)) return request;
  } catch (error) {
    throw inputError(`the request is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw inputError("the request must be a JSON object");
}

/** protobuf drops a field it does not know; here that is a slip of the pen, told before anything is sent. */
function refuseUnknownFields(typed: object, understood: object, path: string): void {
  const known: Readonly<Record<string, unknown>> = { ...understood };
  for (const [name, value] of Object.entries(typed)) {
    const kept = known[name];
    if (kept === undefined)
      throw inputError(`the request has no field ${path}${name}`, `fields: ${Object.keys(known).join(", ")}`);
    const isNested = typeof value === "object" && value !== null && typeof kept === "object" && kept !== null;
    if (isNested) refuseUnknownFields(value, kept, `${path}${name}.`);
  }
}
