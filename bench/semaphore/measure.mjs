// Semaphore v4 of depth 32 as its packages are used, and snarkjs on the same key and witness, in alternation.
//
//   node measure.mjs <folder> <seconds>
//
// The folder gets witness.wtns and public.json, so that others prove the same. Standard output gets one JSON
// document: for each of the four pieces of work [wall, processor] milliseconds of every run but the first.
import { Group } from "@semaphore-protocol/group";
import { Identity } from "@semaphore-protocol/identity";
import { generateProof, verifyProof } from "@semaphore-protocol/proof";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as snarkjs from "snarkjs";

const [folder, seconds] = [process.argv[2], Number(process.argv[3])];
const depth = 32;
const artefact = (ending) =>
  new URL(`node_modules/@zk-kit/semaphore-artifacts/semaphore-${depth}.${ending}`, import.meta.url).pathname;
const files = { wasm: artefact("wasm"), zkey: artefact("zkey") };
const key = JSON.parse(readFileSync(artefact("json"), "utf8"));
mkdirSync(folder, { recursive: true });

const times = { semaphore_prove: [], semaphore_verify: [], snarkjs_prove: [], snarkjs_verify: [] };
async function timed(name, counted, work) {
  const cpu = process.cpuUsage();
  const begun = process.hrtime.bigint();
  const result = await work();
  const wall = Number(process.hrtime.bigint() - begun) / 1e6;
  const { user, system } = process.cpuUsage(cpu);
  if (counted) times[name].push([wall, (user + system) / 1000]);
  return result;
}
function must(holds, what) {
  if (holds !== true) throw new Error(`${what} refused a proof`);
}

const identity = new Identity("somebody");
const members = Array.from({ length: 100 }, (_, i) => new Identity(`member ${i}`).commitment);
const group = new Group([...members, identity.commitment]);

// The same circuit with the same inputs for everybody who proves after us.
const witness = join(folder, "witness.wtns");
const path = group.generateMerkleProof(group.indexOf(identity.commitment));
const siblings = Array.from({ length: depth }, (_, i) => path.siblings[i] ?? 0n);
const inputs = {
  secret: identity.secretScalar,
  merkleProofLength: path.siblings.length,
  merkleProofIndex: path.index,
  merkleProofSiblings: siblings,
  scope: 1n,
  message: 2n,
};
await snarkjs.wtns.calculate(inputs, files.wasm, witness);

const begun = process.hrtime.bigint();
const over = () => Number(process.hrtime.bigint() - begun) / 1e9 > seconds;
for (let round = 0; round <= 3 || (round < 200 && !over()); round++) {
  const counted = round > 0;
  const proof = await timed("semaphore_prove", counted, () =>
    generateProof(identity, group, `message ${round}`, "scope", depth, files));
  must(await timed("semaphore_verify", counted, () => verifyProof(proof)), "semaphore");
  const plain = await timed("snarkjs_prove", counted, () => snarkjs.groth16.prove(files.zkey, witness));
  must(
    await timed("snarkjs_verify", counted, () => snarkjs.groth16.verify(key, plain.publicSignals, plain.proof)),
    "snarkjs");
  writeFileSync(join(folder, "public.json"), JSON.stringify(plain.publicSignals));
}
console.log(JSON.stringify(times));
// snarkjs keeps its workers.
process.exit(0);
