import { Option } from "commander";

/** A flag of the command line. Each has a variable of the same name: `--access-log` is HEDDLE_ACCESS_LOG. */
export function flag(flags: string, description: string): Option {
  const option = new Option(flags, description);
  return option.env(`HEDDLE_${option.name().toUpperCase().replaceAll("-", "_")}`);
}
