import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";

import { packageRoot } from "../../../shared/package-root.ts";
import { heddle } from "../captured-terminal.ts";
import { startAdmin } from "../admin-fixture.ts";

/** A port that nothing listens on: it was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address() as AddressInfo; // a TCP server's address
  await new Promise((done) => server.close(done));
  return port;
}

describe("help", () => {
  it("lists every command in groups, on stdout, with exit code 0", async () => {
    const { code, out, err } = await heddle(["--help"]);
    assert.deepEqual([code, err], [0, ""]);
    for (const command of "control-plane proxy run apply get list delete watch policy endpoint split route ps pc check history diff rollback backup call completion version".split(
      " ",
    )) {
      assert.match(out, new RegExp(`^  ${command}[ |]`, "m"), command);
    }
  });

  it("of every command has two to four examples that begin with the program", async () => {
    const { out } = await heddle(["completion", "bash"]);
    const paths = [...out.matchAll(/^ {4}'([^']+)'\) words=/gm)].map((match) => match[1] ?? "");
    assert.ok(paths.length > 25, `only ${paths.length} commands found`);
    for (const path of paths) {
      if (/^(policy|endpoint|split|route) (get|list|delete)$/.test(path)) continue; // those of get, list and delete
      const help = await heddle([...path.split(" "), "--help"]);
      const examples = help.out.match(/^ {2}\$ .*heddle /gm) ?? [];
      assert.ok(examples.length >= 2 && examples.length <= 4, `${path}: ${examples.length} examples`);
    }
  });

  it("breaks lines only after a sentence or in a list: the terminal says how wide it is", async () => {
    const { out } = await heddle(["completion", "bash"]);
    const paths = [...out.matchAll(/^ {4}'([^']+)'\) words=/gm)].map((match) => match[1] ?? "");
    for (const path of paths) {
      const help = await heddle([...path.split(" "), "--help"], { width: 10_000 });
      const broken = /^(?!Usage|  ).*[^.:\n]\n(?=\S).*/m.exec(help.out);
      assert.equal(broken, null, `${path}: ${String(broken)}`);
    }
  });

  it("of set shows each column with range and default, from the field table", async () => {
    const { out } = await heddle(["policy", "set", "--help"]);
    assert.match(
      out.replaceAll(/\s+/g, " "),
      /--timeout-ms <n> The whole request, retries included \(1-3600000 ms; default 5000\)/,
    );
  });

  it("of a policy's settings is told under headings", async () => {
    const { out } = await heddle(["policy", "set", "--help"]);
    const headings = [...out.matchAll(/^(\w[\w ]+):$/gm)].map((match) => match[1]);
    const groups =
      "Timeouts and retries,Circuit breaker,Limits,Outliers,Health,Load balancing,Rate limit,Faults,Mirror,Fallback";
    assert.deepEqual(headings.slice(0, 12), ["Arguments", ...groups.split(","), "Options"]);
    assert.match(out.slice(out.indexOf("\nFaults:")), /^\nFaults:\n +--fault-delay-percent/);
  });

  it("tells the variable of a flag", async () => {
    assert.match((await heddle(["list", "--help"])).out.replaceAll(/\s+/g, " "), /env: HEDDLE_SERVER/);
  });
});

describe("a wrong command line", () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["aply", /unknown command 'aply'[^]*Did you mean apply\?/],
    ["list policies --sever x", /unknown option '--sever'[^]*Did you mean --server\?/],
    ["list", /missing required argument 'kind'/],
    ["list pods", /unknown kind "pods"[^]*-> kinds: policy \(ServicePolicy\)/],
    ["list policies --server nowhere", /"nowhere" is not HOST:PORT/],
    ["list policies -o xml", /Allowed choices are table, wide, json, yaml/],
    ["diff latest", /revision such as r42/],
    ["policy set reviews", /nothing to set/],
    ["policy set reviews --timeout-ms 5 --unset timeout_ms", /--timeout-ms and --unset timeout_ms contradict/],
    ["policy set reviews --timeout-ms soon", /it is a whole number/],
    ["delete", /nothing to delete/],
    ["delete policy", /which ServicePolicy\?/],
    ["get split web-", /"web-" is no key of a TrafficSplit/],
    ["route set a --header-match x", /it is NAME=VALUE/],
    ["apply", /required option '-f, --file <path>' not specified/],
    ["apply -f - --wait forever", /number of seconds/],
    ["call", /which method\?/],
    ["pc routes", /which proxy\?/],
    [
      "pc everything web",
      /Allowed choices are listeners, routes, clusters, endpoints, policies, limits, decisions, all/,
    ],
  ];
  for (const [line, words] of wrong) {
    it(`is a usage error on stderr: heddle ${line}`, async () => {
      const { code, out, err } = await heddle(line.split(" "));
      assert.equal(code, 64, err);
      assert.equal(out, "");
      assert.match(err, words);
      assert.match(err, /->/, "it names no command that mends it");
    });
  }
});

describe("an unreachable server", () => {
  it("is exit code 3, with the command that starts one", async () => {
    const server = `127.0.0.1:${await closedPort()}`;
    for (const line of [
      "list policies",
      "watch",
      "history",
      "policy set a --timeout-ms 5",
      "rollback r1",
      "call --list",
    ]) {
      const { code, out, err } = await heddle([...line.split(" "), "--server", server]);
      assert.deepEqual([code, out], [3, ""], line);
      assert.equal(
        err,
        `error: control plane unreachable at ${server}: connection refused\n` +
          "  -> start one: heddle control-plane --db mesh.db\n" +
          "  -> or name another: --server HOST:PORT, or HEDDLE_SERVER\n",
      );
    }
  });

  it("does not matter to a proxy, which ps and pc may ask instead", async () => {
    const server = `127.0.0.1:${await closedPort()}`;
    for (const line of ["ps", "pc routes web-1"]) {
      const { code, err } = await heddle([...line.split(" "), "--server", server]);
      assert.equal(code, 3);
      assert.match(err, /-> or ask a proxy, which still knows: heddle p[sc] .*--proxy 127\.0\.0\.1:15000\n$/);
    }
  });

  it("is exit code 3 of check too, as its first line", async () => {
    const server = `127.0.0.1:${await closedPort()}`;
    const { code, out } = await heddle(["check", "--server", server]);
    assert.equal(code, 3);
    assert.match(out, /^× control plane unreachable at .*\n {4}-> start one: heddle control-plane --db mesh\.db\n$/);
  });

  it("may be a proxy", async () => {
    const proxy = `127.0.0.1:${await closedPort()}`;
    const { code, err } = await heddle(["pc", "routes", proxy]);
    assert.equal(code, 3);
    assert.match(err, /^error: proxy unreachable at .*: connection refused\n/);
  });
});

describe("output", () => {
  it("has colours only where the terminal can show them, and the same words", async () => {
    const admin = await startAdmin();
    try {
      const plain = await admin.run("policy set a --timeout-ms 5 --dry-run");
      const colored = await admin.run("policy set a --timeout-ms 5 --dry-run", { hasColor: true });
      assert.equal(stripVTControlCharacters(plain.out), plain.out);
      assert.ok(colored.out.startsWith("\u001b[32m+ ServicePolicy a\u001b[0m\n"));
      assert.equal(stripVTControlCharacters(colored.out), plain.out);
    } finally {
      await admin.stop();
    }
  });

  it("marks lines of check in ASCII where the terminal is not UTF-8", async () => {
    const admin = await startAdmin();
    try {
      assert.match(
        (await admin.run("check", { hasUnicode: false })).out,
        /^ok control plane answers at .*\n! no proxy is connected\n {4}-> heddle run/,
      );
    } finally {
      await admin.stop();
    }
  });
});

describe("the environment", () => {
  it("gives each flag its value, and the flag itself wins", async (t) => {
    const admin = await startAdmin();
    t.after(async () => {
      delete process.env["HEDDLE_OUTPUT"];
      await admin.stop();
    });
    process.env["HEDDLE_OUTPUT"] = "json";
    assert.equal((await admin.run("list policies")).out, "[]\n");
    assert.equal((await admin.run("list policies -o table")).out, "");
  });

  it("has a variable for every flag of the programs, named in their help", async () => {
    let flags = 0;
    for (const command of ["control-plane", "proxy", "run", "demo"]) {
      const help = (await heddle([command, "--help"])).out.replaceAll(/\s+/g, " ");
      for (const [, name = ""] of help.matchAll(/ --([a-z-]+) (?:<|leave|take|[A-Z])/g)) {
        flags += 1;
        assert.ok(help.includes(`env: HEDDLE_${name.toUpperCase().replaceAll("-", "_")})`), `${command} --${name}`);
      }
    }
    assert.ok(flags > 35, `only ${flags} flags found`);
  });
});

describe("a pipe that is closed early", () => {
  it("ends the command quietly", async () => {
    const child = spawn(process.execPath, [join(packageRoot, "cli", "heddle.mjs"), "completion", "zsh"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    const [[code], words] = await Promise.all([once(child, "exit"), text(child.stderr)]);
    assert.deepEqual([code, words], [0, ""]);
  });

  it("carries no colours", async () => {
    const child = spawn(process.execPath, [join(packageRoot, "cli", "heddle.mjs"), "--help"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const out = await text(child.stdout);
    assert.equal(stripVTControlCharacters(out), out);
  });
});

describe("completion", () => {
  it("knows commands, sub-commands, kinds and flags in each shell", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { code, out } = await heddle(["completion", shell]);
      assert.equal(code, 0);
      for (const word of ["control-plane", "policy set", "endpoint", "timeout-ms", "rollback", "dry-run"]) {
        assert.ok(out.includes(word), `${shell} does not complete ${word}`);
      }
    }
  });
});
