import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

import { violation, type Violation } from "../shared/violation.ts";
import type { ProxyConfig } from "./config.ts";

/** For the owner alone: the state folder holds what the control plane said. */
const STATE_FOLDER_MODE = 0o700;

/**
 * Which of the files that a proxy is told to write it cannot, each by the name of its flag: said before it starts, and
 * not when the first snapshot comes. Makes the folders.
 */
export function unusableFiles({ stateFolder, readyFile, accessLog }: ProxyConfig): readonly Violation[] {
  const isFile = accessLog !== "off" && accessLog !== "stdout";
  return [
    ...(stateFolder === undefined ? [] : problemOf("--state", stateFolder, () => checkStateFolder(stateFolder))),
    ...(readyFile === undefined ? [] : problemOf("--ready-file", readyFile, () => checkFile(readyFile))),
    ...(isFile ? problemOf("--access-log", accessLog, () => checkFile(accessLog)) : []),
  ];
}

function problemOf(flag: string, path: string, check: () => void): readonly Violation[] {
  try {
    check();
    return [];
  } catch (error) {
    return [violation(flag, `"${path}" cannot be written: ${reasonOf(error)}`)];
  }
}

function checkStateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: STATE_FOLDER_MODE });
  accessSync(folder, constants.W_OK | constants.X_OK);
}

function checkFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const present = statSync(file, { throwIfNoEntry: false });
  if (present?.isDirectory() === true) throw Object.assign(new Error("it is a folder"), { code: "EISDIR" });
  accessSync(present === undefined ? dirname(file) : file, constants.W_OK);
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException; // what node:fs throws
  switch (code) {
    case "EEXIST":
    case "ENOTDIR":
      return "a file is in the place of a folder";
    case "EISDIR":
      return "it is a folder";
    case "EACCES":
    case "EPERM":
      return "this user may not";
    case "EROFS":
      return "the file system is read-only";
    default:
      return message;
  }
}
