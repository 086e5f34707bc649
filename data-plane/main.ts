import { readProxyConfig, settingsOfEnvironment } from "./config.ts";
import { runProxy } from "./run-proxy.ts";
import { unusableFiles } from "./unusable-files.ts";

/** sysexits.h EX_USAGE: the settings are wrong. */
const EXIT_USAGE = 64;

/** A proxy configured by the environment alone; `heddle proxy` does the same with flags. */
const config = readProxyConfig(settingsOfEnvironment());
const found = config.ok ? unusableFiles(config.value) : config.error;
if (config.ok && found.length === 0) {
  try {
    const { ended } = await runProxy(config.value);
    await ended;
  } catch (error) {
    if (!(error instanceof Error && error.name === "ListenFailed")) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
} else {
  for (const { path, message } of found) process.stderr.write(`${path}: ${message}\n`);
  process.exitCode = EXIT_USAGE;
}
