// The key path in other hands: groth16.mjs FOLDER makes, with snarkjs alone, a key of fourteen.r1cs and proofs
// of its assignments, says what snarkjs thinks of them, and leaves all for our verifier (foreign-proofs).
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { curves, groth16, powersOfTau, zKey } from "snarkjs";

const folder = process.argv[2];
const { sound } = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"));
const circuit = sound.find((c) => c.name === "fourteen");
const begun = performance.now();
const memory = () => ({ type: "mem" });
const [empty, tau, prepared, first, key] = [memory(), memory(), memory(), memory(), memory()];
await powersOfTau.newAccumulator(await curves.getCurveFromName("bn128"), 8, empty);
await powersOfTau.contribute(empty, tau, "test", "entropy of a test");
await powersOfTau.preparePhase2(tau, prepared);
await zKey.newZKey(join(folder, "fourteen.r1cs"), prepared, first);
await zKey.contribute(first, key, "test", "more entropy of a test");
if (!(await zKey.verifyFromR1cs(join(folder, "fourteen.r1cs"), prepared, key))) throw new Error("zkey verify refuses the key");
const verification = await zKey.exportVerificationKey(key);

const cases = [];
for (const { file, what, broken } of circuit.assignments) {
  const { proof, publicSignals } = await groth16.prove(key, join(folder, file));
  const judge = async (name, inputs) =>
    cases.push({ name, public: inputs, proof, accepted: await groth16.verify(verification, inputs, proof) });
  await judge(what, publicSignals);
  // What holds proves, and nothing else; nor does it prove another statement.
  if (cases.at(-1).accepted !== (broken.length === 0)) throw new Error(`${what}: accepted ${cases.at(-1).accepted}`);
  if (broken.length) continue;
  for (const i of publicSignals.keys()) await judge(`${what}, input ${i} and one`, publicSignals.with(i, String(BigInt(publicSignals[i]) + 1n)));
}
writeFileSync(join(folder, "verification_key.json"), JSON.stringify(verification));
writeFileSync(join(folder, "proofs.json"), JSON.stringify(cases));
console.log(`snarkjs: a key of ${circuit.rows} rows and ${cases.length} verdicts (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
process.exit(0);
