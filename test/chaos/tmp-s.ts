import { runStoreCrash } from "./store-crash.ts";
const t = performance.now();
const v = await runStoreCrash(Number(process.argv[2]), Number(process.argv[3]));
console.log(JSON.stringify(v), ((performance.now() - t) / 1000).toFixed(0), "s");
