import { renderTable } from "../../cli/output/table.ts";
import { numberText } from "../data-path/report.ts";
import { compareResults } from "./compare.ts";
import { readResult, type Result } from "./result.ts";

const USAGE = 64;

/** `compare A B`: the ratio of every figure that two results have in common. Gives the exit code. */
export function printComparison(names: readonly string[]): number {
  const [first, second] = names;
  if (first === undefined || second === undefined || names.length > 2) {
    console.error("bench: compare takes two results, by name below bench/results/ or by path");
    return USAGE;
  }
  try {
    process.stdout.write(comparisonOf(readResult(first), readResult(second)));
    return 0;
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

function comparisonOf(before: Result, after: Result): string {
  const facts = [before, after].map(({ machine, startedAt, command }, at) => {
    const { cpu, cores, kernel, node, commit } = machine;
    return `${at === 0 ? "A" : "B"}  ${startedAt}  commit ${commit}, Node ${node}, ${cpu}, ${cores} cores, Linux ${kernel}; ${command}\n`;
  });
  const isSameMachine = before.machine.cpu === after.machine.cpu && before.machine.cores === after.machine.cores;
  const warning = isSameMachine ? "" : "The machines differ: read the quotients between peers, not these.\n";
  const changes = compareResults(before, after);
  if (changes.length === 0) return `${facts.join("")}${warning}The two have no figure in common.\n`;
  const table = renderTable(
    [
      { header: "CASE", text: (change) => change.case },
      { header: "PEER", text: ({ peer }) => peer },
      { header: "FIGURE", text: ({ figure }) => figure },
      { header: "A", align: "right", text: (change) => numberText(change.before.median) },
      { header: "B", align: "right", text: (change) => numberText(change.after.median) },
      { header: "B/A", align: "right", text: ({ ratio }) => `${ratio.toFixed(2)}x` },
      { header: "", text: ({ isNoise }) => (isNoise ? "ranges overlap" : " ") },
    ],
    changes,
  );
  return `${facts.join("")}${warning}\n${table}`;
}
