import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { credentials, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import {
  loadFileDescriptorSetFromBuffer,
  loadSync,
  type MethodDefinition,
  type PackageDefinition,
} from "@grpc/proto-loader";

import { CliError } from "../cli-error.ts";
import { EXIT } from "../exit-code.ts";
import { errorOfCall } from "./call-error.ts";

/** One method of a server, with codecs made from the server's own descriptors. */
export interface ReflectedMethod {
  /** `package.Service/Method`. */
  readonly name: string;
  readonly definition: MethodDefinition<object, object>;
}

interface ReflectionResponse {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
  readonly error_response?: { readonly error_message: string };
}

/**
 * Field names as in the .proto, whole numbers as numbers when they fit, enums by name, unset fields left out. Without
 * `oneofs`, which would add a field `_timeout_ms` beside each optional `timeout_ms`.
 */
const JSON_FORM = {
  keepCase: true,
  longs: String,
  enums: String,
  bytes: String,
  defaults: true,
} as const;

/** Every method that the server tells of by reflection (grpc.reflection.v1); nothing generated is used. */
export async function reflectedMethods(server: string): Promise<readonly ReflectedMethod[]> {
  const ask = reflectionClient(server);
  try {
    const services = (await ask.request({ list_services: "" })).list_services_response?.service ?? [];
    const files = new Map<string, Buffer>();
    for (const { name } of services) {
      const answer = await ask.request({ file_containing_symbol: name });
      for (const file of answer.file_descriptor_response?.file_descriptor_proto ?? []) {
        files.set(file.toString("latin1"), file);
      }
    }
    return methodsOf(loadFileDescriptorSetFromBuffer(descriptorSet([...files.values()]), JSON_FORM));
  } finally {
    ask.close();
  }
}

/** A reflection stream used as question and answer. */
function reflectionClient(server: string): {
  request(question: object): Promise<ReflectionResponse>;
  close(): void;
} {
  const { definition } = reflectionMethod();
  const Client = makeGenericClientConstructor({ info: definition }, "ServerReflection");
  const client = new Client(server, credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
  const stream = client.makeBidiStreamRequest(
    definition.path,
    definition.requestSerialize,
    definition.responseDeserialize,
  );
  const answers = stream[Symbol.asyncIterator]();
  return {
    async request(question) {
      stream.write(question);
      const answer = await answers.next().catch((error: ServiceError) => {
        throw errorOfCall(error, server);
      });
      const response = (answer.value ?? {}) as ReflectionResponse; // decoded by reflection.proto
      if (response.error_response !== undefined && response.error_response !== null) {
        throw new CliError(`reflection: ${response.error_response.error_message}`, EXIT.failed);
      }
      return response;
    },
    close() {
      stream.cancel();
      client.close();
    },
  };
}

function reflectionMethod(): ReflectedMethod {
  const packageFile = createRequire(import.meta.url).resolve("@grpc/reflection/package.json");
  const file = join(dirname(packageFile), "build/proto/grpc/reflection/v1/reflection.proto");
  const [method] = methodsOf(loadSync(file, { keepCase: true, oneofs: true }));
  if (method === undefined) throw new CliError(`${file} has no method`, EXIT.failed);
  return method;
}

function methodsOf(definition: PackageDefinition): readonly ReflectedMethod[] {
  return Object.entries(definition).flatMap(([service, methods]) =>
    "format" in methods
      ? []
      : Object.entries(methods).map(([name, method]) => ({ name: `${service}/${name}`, definition: method })),
  );
}

/** A FileDescriptorSet is nothing but its files, each as field 1: tag, length, bytes. */
function descriptorSet(files: readonly Buffer[]): Buffer {
  return Buffer.concat(files.flatMap((file) => [Buffer.from([0x0a, ...varint(file.length)]), file]));
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
