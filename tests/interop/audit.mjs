// `veilpass params audit` over circuits that circom compiles: audit.mjs FOLDER VEILPASS, with a folder for what is
// made and the path of the program. Templates of circomlib, sound and broken on purpose, against audit.json; the
// table is in docs/notes/soundness.md. `--write` writes audit.json and prints the table, `--fixtures` remakes the
// files beside cli/tests/circom/*.circom, which `cargo test` reads without circom.
import { execFile } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { wtns } from "snarkjs";

const [folder, veilpass] = process.argv.slice(2).filter((a) => !a.startsWith("--")).map((path) => resolve(path));
const here = (path) => new URL(path, import.meta.url).pathname;
const library = here("node_modules/circomlib/circuits");
const run = promisify(execFile);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

// Name, file, main component, inputs; of a broken template also the statement of its file that is changed.
const cases = [
  ["IsZero", "comparators", "IsZero()", [{ in: 5 }, { in: 0 }]],
  ["IsEqual", "comparators", "IsEqual()", [{ in: [5, 5] }, { in: [5, 6] }]],
  ["LessThan(8)", "comparators", "LessThan(8)", [{ in: [5, 6] }, { in: [6, 5] }]],
  ["Num2Bits(8)", "bitify", "Num2Bits(8)", [{ in: 200 }]],
  ["Num2Bits_strict", "bitify", "Num2Bits_strict()", [{ in: 200 }]],
  ["Bits2Num(8)", "bitify", "Bits2Num(8)", [{ in: [1, 0, 1, 1, 0, 0, 1, 0] }]],
  ["BinSum(4, 2)", "binsum", "BinSum(4, 2)", [{ in: [[1, 0, 1, 1], [1, 1, 0, 1]] }]],
  ["XOR", "gates", "XOR()", [{ a: 1, b: 0 }, { a: 1, b: 1 }]],
  ["MultiAND(4)", "gates", "MultiAND(4)", [{ in: [1, 1, 1, 1] }, { in: [1, 0, 1, 1] }]],
  ["Mux1", "mux1", "Mux1()", [{ c: [3, 7], s: 0 }, { c: [3, 7], s: 1 }]],
  ["Mux3", "mux3", "Mux3()", [{ c: [1, 2, 3, 4, 5, 6, 7, 8], s: [1, 0, 1] }]],
  ["Switcher", "switcher", "Switcher()", [{ sel: 1, L: 3, R: 4 }]],
  ["Decoder(4)", "multiplexer", "Decoder(4)", [{ inp: 2 }]],
  ["Poseidon(2)", "poseidon", "Poseidon(2)", [{ inputs: [1, 2] }]],
  ["MiMC7(91)", "mimc", "MiMC7(91)", [{ x_in: 3, k: 4 }]],
  ["MontgomeryDouble", "montgomery", "MontgomeryDouble()", [{ in: [7, 5] }]],
  ["BabyCheck", "babyjub", "BabyCheck()", [{ x: 0, y: 1 }]],
  ["BabyAdd", "babyjub", "BabyAdd()", [{ x1: 0, y1: 1, x2: 0, y2: 1 }]],
  ["IsZero: in·out = 0 is missing", "comparators", "IsZero()", [{ in: 5 }], ["in*out === 0;", ""]],
  ["IsZero: out is only assigned", "comparators", "IsZero()", [{ in: 5 }], ["out <== -in*inv +1;", "out <-- -in*inv +1;"]],
  ["Num2Bits(8): a bit is no bit", "bitify", "Num2Bits(8)", [{ in: 200 }], ["out[i] * (out[i] -1 ) === 0;", "if (i != 3) out[i] * (out[i] -1 ) === 0;"]],
  ["Num2Bits(8): the sum is missing", "bitify", "Num2Bits(8)", [{ in: 200 }], ["lc1 === in;", ""]],
  ["LessThan(8): n2b is not fed", "comparators", "LessThan(8)", [{ in: [5, 6] }], ["n2b.in <== in[0]+ (1<<n) - in[1];", "n2b.in <-- in[0]+ (1<<n) - in[1];"]],
  ["BinSum(4, 2): the sum is missing", "binsum", "BinSum(4, 2)", [{ in: [[1, 0, 1, 1], [1, 1, 0, 1]] }], ["lin === lout;", ""]],
  ["XOR: out is only assigned", "gates", "XOR()", [{ a: 1, b: 0 }], ["out <== a + b - 2*a*b;", "out <-- a + b - 2*a*b;"]],
  ["Mux1: mux.s is not fed", "mux1", "Mux1()", [{ c: [3, 7], s: 1 }], ["s ==> mux.s;", "mux.s <-- s;"]],
  ["Switcher: aux is only assigned", "switcher", "Switcher()", [{ sel: 1, L: 3, R: 4 }], ["aux <== (R-L)*sel;", "aux <-- (R-L)*sel;"]],
  ["Poseidon(2): in⁴ is only assigned", "poseidon", "Poseidon(2)", [{ inputs: [1, 2] }], ["in4 <== in2*in2;", "in4 <-- in2*in2;"]],
  ["MiMC7(91): t² is only assigned", "mimc", "MiMC7(91)", [{ x_in: 3, k: 4 }], ["t2[i] <== t*t;", "t2[i] <-- t*t;"]],
  ["BabyCheck: x² is only assigned", "babyjub", "BabyCheck()", [{ x: 0, y: 1 }], ["x2 <== x*x;", "x2 <-- x*x;"]],
];
const quiet = { info() {}, debug() {}, warn() {}, error() {} };

// Compiles, and makes an assignment for each set of inputs.
async function made(file, into, level, inputs) {
  const name = basename(file, ".circom");
  // The compiler in WebAssembly finds included files only below the folder that it runs in.
  const at = { cwd: into };
  const { stdout } = await run("node", [here("node_modules/circom2/cli.js"), file, "--r1cs", "--sym", "--wasm", level, "-l", "circomlib", "-o", "."], at);
  if (!stdout.includes("Everything went okay")) throw new Error(`${file}: ${stdout}`);
  const files = [];
  for (const [i, input] of inputs.entries()) {
    files.push(join(into, `${name}.${i}.wtns`));
    await wtns.calculate(input, join(into, `${name}_js/${name}.wasm`), files[i], { logger: quiet });
  }
  return files;
}

if (process.argv.includes("--fixtures")) {
  const to = here("../../cli/tests/circom");
  const inputs = { dropped: { a: 3, b: 5 }, dropped_first: { a: 3 }, tied: { a: 3, b: 5 }, replaced: { a: 3, b: [5, 7], e: 11 } };
  for (const file of readdirSync(to).filter((f) => f.endsWith(".circom"))) {
    const name = basename(file, ".circom");
    await made(join(to, file), folder, "--O1", [inputs[name]]);
    for (const ending of ["r1cs", "sym"]) copyFileSync(join(folder, `${name}.${ending}`), join(to, `${name}.${ending}`));
    copyFileSync(join(folder, `${name}.0.wtns`), join(to, `${name}.wtns`));
  }
  process.exit(0);
}

async function audited(place, [name, file, main, inputs, change], level) {
  const into = join(folder, `${place}${level}`);
  mkdirSync(into);
  cpSync(library, join(into, "circomlib"), { recursive: true });
  if (change) {
    const text = readFileSync(join(library, `${file}.circom`), "utf8");
    if (!text.includes(change[0])) throw new Error(`${name}: circomlib has no ${change[0]}`);
    writeFileSync(join(into, "circomlib", `${file}.circom`), text.replace(change[0], change[1]));
  }
  writeFileSync(join(into, "it.circom"), `pragma circom 2.0.0;\ninclude "${file}.circom";\ncomponent main = ${main};\n`);
  const files = await made(join(into, "it.circom"), into, level, inputs);
  const names = ["--sym", join(into, "it.sym")];
  const answer = async (more) => {
    const args = ["params", "audit", "--json", "--r1cs", join(into, "it.r1cs"), ...files.flatMap((f) => ["--wtns", f]), ...more];
    const { stdout } = await run(veilpass, args, { maxBuffer: 1 << 28 }).catch((e) => (e.code === 1 ? e : Promise.reject(e)));
    return JSON.parse(stdout);
  };
  const [said, alone] = [await answer(names), await answer([])];
  if (!said.findings) throw new Error(`${name} ${level}: ${JSON.stringify(said)}`);
  const wires = (a) => a.inputs.map((input) => input.wire).join();
  if (wires(said) !== wires(alone)) throw new Error(`${name}: other inputs without .sym`);
  const found = {};
  for (const { kind } of said.findings) found[kind] = (found[kind] ?? 0) + 1;
  return { rows: said.rows, inputs: said.inputs.length, ok: said.ok, found };
}

const levels = ["--O0", "--O1", "--O2"];
const now = {};
for (const [place, c] of cases.entries()) {
  now[c[0]] = {};
  for (const level of levels) now[c[0]][level] = await audited(place, c, level);
}
const kept = here("audit.json");
if (process.argv.includes("--write")) {
  writeFileSync(kept, JSON.stringify(now, null, 1) + "\n");
  const cell = ({ found }) => Object.entries(found).map(([kind, n]) => `\`${kind}\` ${n}`).join(", ") || "nothing";
  for (const [name, by] of Object.entries(now)) console.log(`| ${name} | ${levels.map((level) => cell(by[level])).join(" | ")} |`);
} else {
  const expected = JSON.parse(readFileSync(kept, "utf8"));
  const differing = Object.keys({ ...now, ...expected }).filter((name) => JSON.stringify(now[name]) !== JSON.stringify(expected[name]));
  for (const name of differing) console.error(`${name}: ${JSON.stringify(now[name])}, expected ${JSON.stringify(expected[name])}`);
  console.log(`params audit: ${cases.length} circuits of circom at ${levels.length} levels, ${differing.length} differ from audit.json`);
  process.exit(differing.length ? 1 : 0);
}
