import { runLocal } from "./local.ts";
import { runScript } from "./sentence.ts";

await runScript(() => runLocal());
