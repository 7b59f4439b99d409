// Runs the analysers of the circom world over gadgets, sound and broken: analysers.mjs FOLDER [--whole]
// [CIRCOMSPECT] [CIRCHECK], with what format-cases wrote in FOLDER and the paths of the two programs
// (cargo install circomspect, pip install circheck). By hand: what came of it is docs/notes/analysers.md.
import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const whole = process.argv.includes("--whole");
const [folder, circomspect, circheck] = process.argv.slice(2).filter((argument) => argument !== "--whole");
const { sound, broken } = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"));
const run = promisify(execFile);
const circom = new URL("node_modules/circom2/cli.js", import.meta.url).pathname;
const limit = { cwd: folder, maxBuffer: 1 << 28, timeout: (whole ? 1800 : 300) * 1000 };

// What each program says of a file: a message without the names of signals → how often.
const count = (messages) => {
  const counts = new Map();
  for (const m of messages) counts.set(m, (counts.get(m) ?? 0) + 1);
  return [...counts].map(([m, n]) => `${n} × ${m}`).sort();
};
const general = (message) => message.replace(/`?'?\bw\d+\b'?`?/g, "w").trim();
const programs = {
  "circom --inspect": async (file) => {
    const { stdout, stderr } = await run("node", [circom, file, "--O0", "--inspect", "--r1cs", "-o", "/tmp"], limit);
    const plain = (stdout + stderr).replace(/\x1b\[[0-9;]*m/g, "");
    return [...plain.matchAll(/warning\[\w+\]: (.*)/g)].map((m) => general(m[1]));
  },
  circomspect: async (file) => {
    const report = join(folder, "report.sarif");
    rmSync(report, { force: true });
    // It exits with the number of its findings.
    await run(circomspect, [file, "--sarif-file", report], limit).catch((e) => {
      if (e.killed || !existsSync(report)) throw e;
    });
    const results = JSON.parse(readFileSync(report, "utf8")).runs.flatMap((r) => r.results);
    return results.map((r) => general(r.message.text));
  },
  circheck: async (file) => {
    const report = join(folder, "report.json");
    rmSync(report, { force: true });
    await run(circheck, [file, "--json", report], limit);
    const found = JSON.parse(readFileSync(report, "utf8"));
    return Object.values(found).flatMap((kinds) => Object.values(kinds).flatMap((places) => Object.values(places).flat().map(general)));
  },
};
for (const [program, path] of [["circomspect", circomspect], ["circheck", circheck]]) if (!path) delete programs[program];

for (const c of [...sound, ...broken]) {
  if (c.name.startsWith("attest-v1") !== whole) continue;
  console.log(`\n${c.name}: ${c.what ?? "sound"}`);
  for (const [program, says] of Object.entries(programs)) {
    const begun = performance.now();
    const said = await says(`${c.name}.circom`).then(count, (e) => [e.killed ? "no answer in time" : `failed: ${e.message.slice(0, 200)}`]);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    console.log(`  ${program} (${seconds} s): ${said.length ? said.join("; ") : "nothing"}`);
  }
}
