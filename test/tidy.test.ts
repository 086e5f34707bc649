import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";

import { packageRoot } from "../shared/package-root.ts";
import { blankCommentsAndStrings, sourceFiles, type SourceFile } from "./support/source-text.ts";

// The laws of the house that a machine can check. oxlint checks the rest (cycles, default exports, `any`, lengths).

const source = sourceFiles("{shared,control-plane,data-plane,cli}/**/*.ts");
const tests = sourceFiles("{test,bench}/**/*.ts");
const everything = [...source, ...tests];

/** Files that decide: no clock, no chance, no input or output but their parameters. */
const PURE: readonly RegExp[] = [
  /^shared\/(assert|result|violation|backoff|defaults|limits|service-name|string-hash|sliding-sum)\.ts$/,
  /^shared\/(key-table|token-buckets?|token-coordinator)\.ts$/,
  /^shared\/model\//,
  /^control-plane\/catalog\//,
  /^control-plane\/snapshot\/(?!publisher|encode)/,
  /^control-plane\/xds\/(subscription|node-session|name-set|held-routes|payload|resource-set|cluster-history)\.ts$/,
  /^control-plane\/liveness\/lease\.ts$/,
  /^data-plane\/(http1|router|balancer|policy)\//,
  /^data-plane\/runtime\/(runtime|compile|compile-cluster|endpoint-state)\.ts$/,
  /^data-plane\/xds\/(client-session|discovery-message|holdings|objection|session-outcome|waits)\.ts$/,
  /^data-plane\/telemetry\/(trace-context|prometheus-text|request-record)\.ts$/,
];

const AMBIENT =
  /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|setTimeout|setInterval|setImmediate|process\.hrtime)\b/;
/** The only places that may touch ambient time and chance. */
const AMBIENT_ALLOWED = /^shared\/(clock|timers|random)\.ts$/;

function isPure(path: string): boolean {
  return PURE.some((pattern) => pattern.test(path));
}

function offences(files: readonly SourceFile[], test: (file: SourceFile) => string | undefined): string[] {
  return files.flatMap((file) => {
    const found = test(file);
    return found === undefined ? [] : [`${file.path}: ${found}`];
  });
}

function firstLine(file: SourceFile, pattern: RegExp): string | undefined {
  const match = pattern.exec(file.code);
  if (match === null) return undefined;
  const line = file.code.slice(0, match.index).split("\n").length;
  return `line ${line}: ${match[0].trim()}`;
}

/** The first circle of a graph, from a node back to itself; empty when there is none. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const finished = new Set<string>();
  const walk = (node: string, way: readonly string[]): readonly string[] => {
    const at = way.indexOf(node);
    if (at >= 0) return [...way.slice(at), node];
    if (finished.has(node)) return [];
    for (const next of graph.get(node) ?? []) {
      const circle = walk(next, [...way, node]);
      if (circle.length > 0) return circle;
    }
    finished.add(node);
    return [];
  };
  for (const node of graph.keys()) {
    const circle = walk(node, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

describe("the scanner of this test", () => {
  it("sees code and not comments, strings or regexes", () => {
    const blank = blankCommentsAndStrings(
      'const a = "Date.now"; // Date.now\nconst b = /setTimeout/; /* x\n */ Date.now();',
    );
    assert.equal(blank.match(/Date\.now/g)?.length, 1);
    assert.doesNotMatch(blank, /setTimeout/);
    assert.equal(blank.split("\n").length, 3);
  });

  it("found the project", () => {
    assert.ok(source.length > 20, `only ${source.length} source files found`);
  });
});

describe("imports", () => {
  it("keep the planes apart: they meet only on the wire", () => {
    const crossed = offences(source, (file) => {
      const plane = file.path.split("/")[0];
      const forbidden =
        plane === "data-plane" ? "control-plane/" : plane === "control-plane" ? "data-plane/" : undefined;
      if (plane === "shared") return file.imports.find(({ to }) => /^(control-plane|data-plane|cli)\//.test(to))?.to;
      return forbidden === undefined ? undefined : file.imports.find(({ to }) => to.startsWith(forbidden))?.to;
    });
    assert.deepEqual(crossed, []);
  });

  it("keep generated code behind shared/wire", () => {
    const leaks = offences(source, (file) =>
      file.path.startsWith("shared/wire/")
        ? undefined
        : file.imports.find(({ to }) => to.startsWith("shared/generated/"))?.to,
    );
    assert.deepEqual(leaks, []);
  });

  it("never bring a test into the product", () => {
    const leaks = offences(source, (file) => file.imports.find(({ to }) => /^(test|bench)\//.test(to))?.to);
    assert.deepEqual(leaks, []);
  });

  it("of a pure file are pure, or only types", () => {
    const impure = offences(
      source.filter((file) => isPure(file.path)),
      (file) => {
        const bad = file.imports.find(({ to, typeOnly }) => {
          if (typeOnly || isPure(to)) return false;
          // Shared vocabulary without side effects, the regex engine, and Node's parsers of text are deterministic.
          if (/^shared\/(address|content-hash|regex-engine)\.ts$/.test(to) || to === "re2js" || to === "node:net")
            return false;
          return true;
        });
        return bad?.to;
      },
    );
    assert.deepEqual(impure, []);
  });

  it("run in no circle, types and late imports included", () => {
    const importsOf = new Map(source.map(({ path, imports }) => [path, imports.map(({ to }) => to)]));
    assert.deepEqual(circleIn(importsOf), []);
    // The search itself can find one.
    const circle = new Map([
      ["a", ["b", "c"]],
      ["b", []],
      ["c", ["d"]],
      ["d", ["a"]],
    ]);
    assert.deepEqual(circleIn(circle), ["a", "c", "d", "a"]);
  });

  it("of SQLite stand only in the store", () => {
    const leaks = offences(source, (file) =>
      file.path.startsWith("control-plane/store/")
        ? undefined
        : file.imports.find(({ to }) => to === "better-sqlite3")?.to,
    );
    assert.deepEqual(leaks, []);
  });

  it("of the request path know no HTTP library", () => {
    const path = source.filter((file) =>
      /^data-plane\/(http1|listener|request|upstream|router|balancer|policy|runtime)\//.test(file.path),
    );
    const leaks = offences(path, (file) => file.imports.find(({ to }) => /^node:(http|http2|https)$/.test(to))?.to);
    assert.deepEqual(leaks, []);
  });

  it("of node:http are types in what runs for weeks: see shared/node-http.ts", () => {
    const planes = source.filter((file) => !file.path.startsWith("cli/"));
    const loaded = offences(
      planes,
      (file) => file.imports.find(({ to, typeOnly }) => to === "node:http" && !typeOnly)?.to,
    );
    assert.deepEqual(loaded, []);
  });
});

describe("ambient time and chance", () => {
  it("stand only in clock, timers and random", () => {
    const found = offences(source, (file) => {
      if (AMBIENT_ALLOWED.test(file.path) || file.path.startsWith("cli/")) return undefined;
      // Yielding to the event loop is not a clock; pure files may not even do that.
      const pattern = isPure(file.path) ? AMBIENT : new RegExp(AMBIENT.source.replace("|setImmediate", ""));
      return firstLine(file, pattern);
    });
    assert.deepEqual(found, []);
  });

  it("and the environment is read only where configuration is", () => {
    const found = offences(source, (file) =>
      file.path.endsWith("/config.ts") || file.path.startsWith("cli/")
        ? undefined
        : firstLine(file, /\bprocess\.env\b/),
    );
    assert.deepEqual(found, []);
  });
});

describe("names and shapes", () => {
  it("of files say the one idea in them", () => {
    const vague = /(^|\/)(utils?|helpers?|common|types|core|lib|manager|misc|index)(\.test)?(\.ts|\/)/;
    const bad = everything
      .filter(({ path }) => vague.test(path) || !/^[a-z0-9./-]+$/.test(path))
      .map(({ path }) => path);
    assert.deepEqual(bad, []);
  });

  it("stay within 400 lines a file", () => {
    const long = everything.filter(({ text }) => text.split("\n").length > 401).map(({ path }) => path);
    assert.deepEqual(long, []);
  });

  it("have no escape hatches", () => {
    const hatch =
      /\bas any\b|:\s*any\b|@ts-(ignore|nocheck|expect-error)|oxlint-disable|catch\s*(\([^)]*\))?\s*\{\s*\}/;
    const found = offences(
      source,
      (file) => hatch.exec(file.code)?.[0] ?? /@ts-(ignore|nocheck|expect-error)|oxlint-disable/.exec(file.text)?.[0],
    );
    assert.deepEqual(found, []);
  });

  it("have no unfinished words", () => {
    const found = offences(everything, (file) =>
      file.path === "test/tidy.test.ts" ? undefined : /\b(TODO|FIXME|XXX|HACK)\b/.exec(file.text)?.[0],
    );
    assert.deepEqual(found, []);
  });

  it("have no default exports and no barrels", () => {
    const found = offences(source, (file) => {
      if (/^export default\b/m.test(file.code)) return "default export";
      const reexports = /^export \* from/m.test(file.code) && !file.path.startsWith("shared/wire/");
      return reexports ? "barrel" : undefined;
    });
    assert.deepEqual(found, []);
  });
});

describe("the top level", () => {
  it("holds only the folders of the design", () => {
    const allowed = new Set(
      "proto control-plane data-plane shared migrations test cli console bench examples deploy .ci .git node_modules dist".split(
        " ",
      ),
    );
    const folders = readdirSync(packageRoot, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    assert.deepEqual(
      folders.filter((name) => !allowed.has(name)),
      [],
    );
  });
});
