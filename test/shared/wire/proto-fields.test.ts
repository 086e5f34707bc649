import assert from "node:assert/strict";
import { describe, it } from "node:test";

import protobuf from "protobufjs";

import { messagesOf, readReference } from "../../support/proto-tree.ts";

/** Message -> field -> facts of the public Envoy API. */
type Facts = Readonly<Record<string, Readonly<Record<string, FieldFacts>>>>;

interface FieldFacts {
  readonly n: number;
  readonly t: string;
  readonly r: boolean;
  readonly o?: string;
}

const reference = readReference<Facts>("xds/fields.json");
const skip = "skip" in reference ? reference.skip : false;
const facts = "data" in reference ? reference.data : {};

describe("every field of our Envoy subset", { skip }, () => {
  const messages = messagesOf().filter(({ fullName }) => fullName.startsWith(".envoy."));
  const known = messages.filter(({ fullName }) => facts[fullName.slice(1)] !== undefined);

  it("is compared for nearly all messages", () => {
    assert.ok(known.length > 200, `${known.length} of ${messages.length} messages stand in the reference`);
  });

  it("has Envoy's number, type, repetition and oneof", () => {
    const differences = known.flatMap((message) => {
      const wanted = facts[message.fullName.slice(1)] ?? {};
      return message.fieldsArray.flatMap((field) => {
        const fact = wanted[field.name];
        if (fact === undefined) return [`${message.fullName}.${field.name} does not exist`];
        const [ours, theirs] = [describeField(field), `${fact.n} ${fact.t} ${fact.r} ${fact.o ?? ""}`];
        return ours === theirs ? [] : [`${message.fullName}.${field.name}: ${ours} is not ${theirs}`];
      });
    });
    assert.deepEqual(differences, []);
  });
});

describe("no two fields", () => {
  it("share a number within a message", () => {
    for (const message of messagesOf()) {
      const numbers = message.fieldsArray.map((field) => field.id);
      assert.equal(new Set(numbers).size, numbers.length, message.fullName);
    }
  });
});

function describeField(field: protobuf.Field): string {
  const type = field.resolvedType?.fullName.slice(1) ?? field.type;
  const whole = field instanceof protobuf.MapField ? `map<${field.keyType},${type}>` : type;
  return `${field.id} ${whole} ${field.repeated} ${field.partOf?.name ?? ""}`;
}
