// Generates TypeScript from both OpenAPI descriptions, holds every example against its schema, and compiles
// the examples and a small client. Argument: the folder with platform.json and authority.json.
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = process.argv[2];
const here = dirname(fileURLToPath(import.meta.url));
const made = join(here, "made");
mkdirSync(made, { recursive: true });
const wrong = [];
let held = 0;

/** A validator for one schema of a description. */
function validator(description, schema) {
  // `example` and `format: int32` are OpenAPI's words.
  const ajv = new Ajv({ strict: false, validateFormats: true });
  addFormats(ajv);
  return ajv.compile({ ...schema, components: description.components });
}

/** Every example that a description holds, with the schema that it belongs to. */
function* examples(node, path) {
  if (node === null || typeof node !== "object") return;
  if (node.example !== undefined && (node.type || node.properties || node.$ref || node.oneOf || node.enum)) {
    yield { path, schema: node, example: node.example };
  }
  if (node.example !== undefined && node.schema) yield { path, schema: node.schema, example: node.example };
  for (const [name, inner] of Object.entries(node)) {
    if (name !== "example") yield* examples(inner, `${path}/${name}`);
  }
}

for (const name of ["platform", "authority"]) {
  const description = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
  for (const { path, schema, example } of examples(description, name)) {
    held += 1;
    const valid = validator(description, schema);
    if (!valid(example)) wrong.push(`${path}: ${JSON.stringify(example)}: ${JSON.stringify(valid.errors)}`);
  }
  // A body without members takes anything and tells a client nothing.
  for (const [schemaName, schema] of Object.entries(description.components.schemas)) {
    const told = schema.properties || schema.oneOf || schema.enum || schema.$ref;
    if (!told) wrong.push(`${name}: ${schemaName} has no members`);
  }
  for (const [path, item] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      if (!operation.tags?.length) wrong.push(`${name}: ${method} ${path} has no tag`);
      const bodies = Object.entries(operation.requestBody?.content ?? {});
      for (const [media, { schema }] of bodies) {
        if (media === "application/json" && !schema.$ref) wrong.push(`${name}: ${path} takes an unnamed body`);
      }
    }
  }
  if (!description.servers?.length) wrong.push(`${name}: no servers`);
  const types = astToString(await openapiTS(description));
  writeFileSync(join(made, `${name}.ts`), types);
  const named = Object.entries(description.components.schemas).filter(([, schema]) => schema.example);
  const lines = named.map(
    ([schema, { example }], i) =>
      `export const e${i}: components["schemas"]["${schema}"] = ${JSON.stringify(example)};`,
  );
  writeFileSync(
    join(made, `${name}-examples.ts`),
    `import type { components } from "./${name}.js";\n${lines.join("\n")}\n`,
  );
}
// The control: the validator and the compiler see mistakes.
const platform = JSON.parse(readFileSync(join(folder, "platform.json"), "utf8"));
const request = validator(platform, { $ref: "#/components/schemas/NewRequest" });
if (request({ predicates: { valid: true, age: 18 } })) wrong.push("the validator sees nothing");

/** The mistakes in one file. */
function mistakes(files) {
  const options = {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
    types: [],
    skipLibCheck: true,
  };
  return ts.getPreEmitDiagnostics(ts.createProgram(files, options)).map((d) => {
    const text = ts.flattenDiagnosticMessageText(d.messageText, "\n");
    return `${d.file?.fileName ?? ""}:${d.start ?? ""}: ${text}`;
  });
}
const good = ["client.ts", "made/platform-examples.ts", "made/authority-examples.ts"];
wrong.push(...mistakes(good.map((file) => join(here, file))));
writeFileSync(
  join(made, "control.ts"),
  `import type { components } from "./platform.js";
export const e: components["schemas"]["NewRequest"] = { predicates: { valid: true, age: 18 } };\n`,
);
if (mistakes([join(made, "control.ts")]).length === 0) wrong.push("the compiler sees nothing");

if (held < 10) wrong.push(`only ${held} examples`);
if (wrong.length > 0) {
  console.error(wrong.join("\n"));
  process.exit(1);
}
console.log(`${held} examples fit their schemas; the TypeScript client compiles`);
