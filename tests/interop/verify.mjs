// Holds snarkjs's verdicts against ours: verify.mjs FOLDER, with FOLDER/cases.jsonl of
// {"kind","key","public","proof","accepted","code","differs"} and dev.json beside it. A case with "differs" must
// be accepted here and refused there, for that reason; on every other both must say the same. Writes
// FOLDER/summary.json.
import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { groth16 } from "snarkjs";

const folder = process.argv[2];
const read = (name) => JSON.parse(readFileSync(join(folder, name), "utf8"));
const [dev, reasons] = [read("dev.json"), read("differences.json")];
const begun = Date.now();
const kinds = {};
const differences = {};
const unexplained = [];
let [cases, agreed, accepted, refused] = [0, 0, 0, 0];

for await (const line of createInterface({ input: createReadStream(join(folder, "cases.jsonl")) })) {
  const c = JSON.parse(line);
  let verdict = false;
  try {
    verdict = await groth16.verify(c.key === "dev.json" ? dev : c.key, c.public, c.proof);
  } catch (error) {
    // snarkjs throws on points and numbers that it cannot read: a refusal.
    verdict = false;
  }
  cases += 1;
  kinds[c.kind] ??= { accepted: 0, refused: 0, codes: {} };
  kinds[c.kind][c.accepted ? "accepted" : "refused"] += 1;
  if (c.code) kinds[c.kind].codes[c.code] = (kinds[c.kind].codes[c.code] ?? 0) + 1;
  if (c.differs) {
    // Listed beforehand. If it does not show, the list is wrong.
    if (verdict && !c.accepted && reasons[c.differs]) differences[c.differs] = (differences[c.differs] ?? 0) + 1;
    else unexplained.push(`${c.kind}: listed as ${c.differs}, but ours ${c.accepted}, snarkjs ${verdict}`);
  } else if (verdict === c.accepted) {
    agreed += 1;
    c.accepted ? (accepted += 1) : (refused += 1);
  } else {
    unexplained.push(`${c.kind}: ours ${c.accepted} (${c.code}), snarkjs ${verdict}`);
  }
}

const seconds = (Date.now() - begun) / 1000;
const unseen = Object.keys(reasons).filter((reason) => !differences[reason]);
const listed = Object.fromEntries(
  Object.entries(differences).map(([reason, count]) => [reason, { count, why: reasons[reason] }]),
);
const summary = { cases, agreed, accepted, refused, differences: listed, unexplained: unexplained.length, seconds, kinds };
writeFileSync(join(folder, "summary.json"), JSON.stringify(summary, null, 2) + "\n");

console.log(`snarkjs: ${cases} cases in ${seconds.toFixed(1)} s; ${agreed} verdicts agree (${accepted} accepted, ${refused} refused)`);
for (const [reason, { count, why }] of Object.entries(listed)) console.log(`  differs as listed, ${count} × ${reason}: ${why}`);
unseen.forEach((reason) => console.log(`  listed and not seen: ${reason}`));
console.log(`  ${unexplained.length} differ unexplained`);
unexplained.slice(0, 20).forEach((d) => console.log(`    ${d}`));
// No worker may keep the process alive; too few cases mean that nothing was checked.
process.exit(unexplained.length === 0 && unseen.length === 0 && accepted >= 100 && refused >= 300 ? 0 : 1);
