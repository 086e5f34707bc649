import type { Node, Document as YamlDocument } from "yaml";

import { inputError } from "../cli-error.ts";

/** One resource as written in a file: `kind` and the columns of its table. */
export interface SourceDocument {
  readonly fields: Readonly<Record<string, unknown>>;
  /** `FILE:LINE` of its first line. */
  readonly at: string;
  /** `FILE:LINE:COLUMN` of one of its fields; the document's own place when the field is not written there. */
  readonly fieldAt: (field: string) => string;
}

/**
 * Reads YAML or JSON (YAML contains it): many documents in one text, and a document that is a list stands for its
 * members, so that what `heddle list -o json` prints can be applied again.
 */
export async function parseDocuments(text: string, name: string): Promise<readonly SourceDocument[]> {
  const { LineCounter, parseAllDocuments, isMap, isScalar, isSeq } = await import("yaml");
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number | undefined): string => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${name}:${line}:${col}`;
  };
  const read = (document: YamlDocument, node: Node): SourceDocument => {
    const offset = node.range?.[0];
    if (!isMap(node)) throw inputError(`${place(offset)}: a resource is a mapping with a kind`, EXAMPLE);
    return {
      fields: node.toJS(document),
      at: `${name}:${lines.linePos(offset ?? 0).line}`,
      fieldAt: (field) => {
        const pair = node.items.find(({ key }) => String(key) === field);
        return place((pair?.key as Node | undefined)?.range?.[0] ?? offset); // keys of a parsed map are nodes
      },
    };
  };
  if (!Array.isArray(parsed)) return []; // an empty text parses to an empty marker instead of a list
  return parsed.flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw inputError(`${place(error.pos[0])}: ${firstLine(error.message)}`);
    const { contents } = document;
    if (contents === null || (isScalar(contents) && contents.value === null)) return [];
    const nodes: readonly unknown[] = isSeq(contents) ? contents.items : [contents];
    return nodes.map((node) => read(document, node as Node)); // items of a parsed sequence are nodes
  });
}

const EXAMPLE = "for example: {kind: ServicePolicy, service_name: reviews, timeout_ms: 800}";

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? text;
}
