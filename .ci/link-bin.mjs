// After `npm install` or `npm ci` in a checkout: lets `npx heddle` find the checkout's own command, which npm links
// only for packages installed somewhere else.
import { existsSync, lstatSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), "node_modules", ".bin");
const link = join(folder, "heddle");
mkdirSync(folder, { recursive: true });
if (existsSync(link) || lstatSync(link, { throwIfNoEntry: false }) !== undefined) rmSync(link);
symlinkSync(join("..", "..", "cli", "heddle.mjs"), link);
