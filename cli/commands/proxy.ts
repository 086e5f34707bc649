import type { Command } from "commander";
import type { Cli } from "../terminal.ts";
export function addProxy(_program: Command, _cli: Cli): void {}
