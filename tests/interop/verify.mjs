// Holds snarkjs's verdicts against ours: verify.mjs FOLDER, with FOLDER/cases.jsonl of
// {"name","key","public","proof","accepted"} and the verification keys beside it.
import { createReadStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { groth16 } from "snarkjs";

const folder = process.argv[2];
const keys = new Map();
let [agreed, accepted, refused] = [0, 0, 0];
const differences = [];

for await (const line of createInterface({ input: createReadStream(join(folder, "cases.jsonl")) })) {
  const c = JSON.parse(line);
  if (!keys.has(c.key)) keys.set(c.key, JSON.parse(readFileSync(join(folder, c.key), "utf8")));
  let verdict = false;
  try {
    verdict = await groth16.verify(keys.get(c.key), c.public, c.proof);
  } catch (error) {
    // snarkjs throws on points and numbers that it cannot read: a refusal.
    verdict = false;
  }
  if (verdict === c.accepted) agreed += 1;
  else differences.push(`${c.name}: ours ${c.accepted}, snarkjs ${verdict}`);
  c.accepted ? (accepted += 1) : (refused += 1);
}

console.log(`snarkjs: ${agreed} verdicts agree (${accepted} accepted, ${refused} refused by us), ${differences.length} differ`);
differences.slice(0, 20).forEach((d) => console.log(`  ${d}`));
// No worker may keep the process alive; too few cases means that nothing was checked.
process.exit(differences.length === 0 && accepted >= 100 && refused >= 100 ? 0 : 1);
