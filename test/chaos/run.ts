// npm run chaos [-- static --seed N --rounds N --rate N] | npm run chaos -- store [--cycles N]
import { parseArgs } from "node:util";

import { runStaticStability } from "./static-stability.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    rounds: { type: "string", default: "5" },
    rate: { type: "string", default: "300" },
    cycles: { type: "string", default: "500" },
  },
});
const seed = Number(values.seed);

async function staticStability(): Promise<boolean> {
  const rate = Number(values.rate);
  console.log(`seed ${seed}: ${values.rounds} rounds at ${rate} requests/s`);
  const verdict = await runStaticStability({
    seed,
    rate,
    rounds: Number(values.rounds),
    phaseRequests: rate * 4,
    forgetSnapshots: false,
    onPhase: (name) => console.log(`  ${name}`),
  });
  const { failures, unseen, doubled, lastWords, ...rest } = verdict;
  console.log({ ...rest, failed: failures.length, unseen: unseen.length, doubled: doubled.length });
  for (const failure of failures.slice(0, 50)) console.log(failure);
  const good = failures.length + unseen.length + doubled.length === 0;
  if (!good) console.log(lastWords);
  return good;
}

const [which = "static"] = positionals;
if (which === "static") process.exitCode = (await staticStability()) ? 0 : 1;
else {
  console.error(`unknown chaos "${which}": static or store`);
  process.exitCode = 64;
}
