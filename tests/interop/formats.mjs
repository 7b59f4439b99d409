// Our .r1cs and .wtns in other hands: formats.mjs FOLDER, with what format-cases wrote there.
// snarkjs reads the matrices and judges the assignments; circom compiles the same rows from source.
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { r1cs, wtns } from "snarkjs";

const folder = process.argv[2];
const circom = new URL("node_modules/circom2/cli.js", import.meta.url).pathname;
const { sound, broken } = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"));
const MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const differences = [];
const differ = (name, text) => differences.push(`${name}: ${text}`);
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(1);
const quiet = { info() {}, debug() {}, warn() {}, error() {} };

// A circuit as snarkjs reads it from a file, its rows as [A, B, C] of wire → coefficient.
async function read(file) {
  const circuit = await r1cs.exportJson(join(folder, file), quiet);
  const plain = (side) => Object.fromEntries(Object.entries(side).map(([wire, x]) => [wire, String(x)]));
  return { ...circuit, rows: circuit.constraints.map((row) => row.map(plain)) };
}

// The rows in which two readings differ, under a form of rows.
const unequal = (ours, theirs, form) =>
  [...Array(Math.max(ours.length, theirs.length)).keys()].filter((i) => !ours[i] || !theirs[i] || form(ours[i]) !== form(theirs[i]));
const exact = (row) => row.map((side) => JSON.stringify(Object.entries(side).sort(([a], [b]) => a - b))).join();

// 1. The counts and every entry.
let [rows, entries] = [0, 0];
let begun = performance.now();
for (const c of sound) {
  const info = await r1cs.info(join(folder, `${c.name}.r1cs`), quiet);
  const counts = [info.nConstraints, info.nVars, info.nOutputs, info.nPubInputs, info.nPrvInputs];
  if (String(counts) !== String([c.rows, c.wires, c.outputs, c.public, c.private])) differ(c.name, `counts ${counts}`);
}
for (const c of sound) {
  c.ours = JSON.parse(readFileSync(join(folder, `${c.name}.json`), "utf8"));
  for (const i of unequal(c.ours, (await read(`${c.name}.r1cs`)).rows, exact)) differ(c.name, `snarkjs reads row ${i} otherwise`);
  rows += c.ours.length;
  entries += c.ours.flat().reduce((sum, side) => sum + Object.keys(side).length, 0);
}
console.log(`snarkjs reads ${sound.length} circuits as we do: ${rows} rows, ${entries} entries (${seconds(begun)} s)`);

// 2. Assignments: the verdict, and the first row that fails.
let [good, bad] = [0, 0];
begun = performance.now();
for (const c of sound) {
  const judge = async (file) => {
    let failing = null;
    const logger = { ...quiet, warn: (said) => (failing = Number(/constraint (\d+)/.exec(said)?.[1] ?? failing)) };
    const valid = await wtns.check(join(folder, `${c.name}.r1cs`), join(folder, file), logger);
    return valid ? null : failing;
  };
  for (const { file, what, broken } of c.assignments) {
    const failing = await judge(file);
    if (failing !== (broken[0] ?? null)) differ(c.name, `${what}: ours ${broken[0]}, snarkjs ${failing}`);
    broken.length ? (bad += 1) : (good += 1);
  }
  // Wire 0 is not looked at: zeros fit any rows. That our reader refuses such a file is tested elsewhere.
  if ((await judge(`${c.name}.zeros.wtns`)) !== null) differ(c.name, "snarkjs looks at wire 0 now: say so in analysers.md");
}
console.log(`snarkjs judges ${good} good and ${bad} bad assignments as we do, down to the row (${seconds(begun)} s)`);

// 3. circom's reading of the same rows. It moves factors about and exchanges A and B, so rows are compared
// in a form that all equal ones share.
const inverse = (x) => {
  let [a, b, u, v] = [x, MODULUS, 1n, 0n];
  while (a > 1n) [a, b, u, v] = [b % a, a, v - (b / a) * u, u];
  return ((u % MODULUS) + MODULUS) % MODULUS;
};
const numbers = (side) => Object.entries(side).map(([wire, x]) => [Number(wire), BigInt(x)]).sort(([a], [b]) => a - b);
const scaled = (side, factor) => side.map(([wire, x]) => [wire, (((x * factor) % MODULUS) + MODULUS) % MODULUS]);
const constant = (side) => side.every(([wire]) => wire === 0);
const leading = (side) => (side.length ? side[0][1] : 1n);
function normal(row) {
  const [a, b, c] = row.map(numbers);
  if (constant(a) || constant(b)) {
    // Linear: constant · other − C = 0.
    const [factor, other] = constant(a) ? [a[0]?.[1] ?? 0n, b] : [b[0]?.[1] ?? 0n, a];
    const sum = new Map(scaled(other, factor));
    for (const [wire, x] of c) sum.set(wire, ((sum.get(wire) ?? 0n) - x + MODULUS) % MODULUS);
    const all = [...sum].filter(([, x]) => x !== 0n).sort(([x], [y]) => x - y);
    return String(scaled(all, inverse(leading(all))));
  }
  const [x, y] = [inverse(leading(a)), inverse(leading(b))];
  return [...[String(scaled(a, x)), String(scaled(b, y))].sort(), String(scaled(c, (x * y) % MODULUS))].join(" | ");
}

begun = performance.now();
const run = promisify(execFile);
async function compile(c) {
  // Without simplification: only rows.
  await run("node", [circom, `${c.name}.circom`, "--O0", "--r1cs", "-o", "compiled"], { cwd: folder, maxBuffer: 1 << 26 });
  return read(`compiled/${c.name}.r1cs`);
}
let compiled = 0;
async function compare(c) {
  const theirs = await compile(c);
  const counts = [theirs.nVars, theirs.nOutputs, theirs.nPubInputs, theirs.nPrvInputs];
  if (String(counts) !== String([c.wires, c.outputs, c.public, c.private])) differ(c.name, `circom counts ${counts}`);
  for (const i of unequal(c.ours, theirs.rows, normal)) differ(c.name, `circom reads row ${i} otherwise`);
  compiled += theirs.rows.length;
}
mkdirSync(join(folder, "compiled"));
// The whole circuit is last in the list and longest: it goes first.
const queue = [...sound].reverse();
const worker = async () => {
  for (let c = queue.shift(); c; c = queue.shift()) await compare(c);
};
await Promise.all([worker(), worker()]);
console.log(`circom compiles the same ${compiled} rows from source (${seconds(begun)} s)`);

// Controls. A row less, and any coefficient that counts changed by one, is another circuit in either form; a
// row times a number, or with A and B exchanged, is the same row in the second.
const bits = sound.find((c) => c.name === "bits_18");
const less = broken.find((c) => c.name === "bits_18_without_row_3");
if (unequal(bits.ours, (await compile(less)).rows, normal).length === 0) differ("control", "a missing row is not seen in source");
if (unequal(bits.ours, (await read(`${less.name}.r1cs`)).rows, exact).length === 0) differ("control", "a missing row is not seen");
const times = (side, n) => Object.fromEntries(Object.entries(side).map(([wire, x]) => [wire, String((BigInt(x) * n) % MODULUS)]));
let controls = 0;
for (const [a, b, c] of sound.filter((c) => c.name !== "attest-v1").flatMap((c) => c.ours)) {
  const form = normal([a, b, c]);
  if (form !== normal([times(b, 5n), times(a, 3n), times(c, 15n)])) differ("control", "an equal row is another");
  for (const [m, side] of [a, b, c].entries()) {
    const wires = Object.keys(side);
    // The only factor of a side may change where C is empty.
    if (wires.length < 2 && Object.keys(c).length === 0) continue;
    const changed = [a, b, c];
    changed[m] = { ...side, [wires[0] ?? 0]: String(BigInt(side[wires[0]] ?? 0) + 1n) };
    controls += 1;
    if (form === normal(changed)) differ("control", `a coefficient of ${"ABC"[m]} counts for nothing: ${JSON.stringify([a, b, c])}`);
  }
}

if (differences.length) console.log(`${differences.length} differences`);
differences.slice(0, 20).forEach((d) => console.log(`  ${d.slice(0, 300)}`));
// No worker may keep the process alive; too few cases means that nothing was checked.
const enough = rows > 5000 && good > 15 && bad > 40 && compiled === rows && controls > 1000;
process.exit(differences.length === 0 && enough ? 0 : 1);
