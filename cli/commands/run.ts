import type { Command } from "commander";
import type { Cli } from "../terminal.ts";
export function addRun(_program: Command, _cli: Cli): void {}
