/** Builds the page: one HTML file that fetches nothing. `node build.mjs` writes it, `node build.mjs --check` compares. */

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const PAGE = here("../src/glorot/report/lab.html");
const MOST_BYTES = 1_500_000;
const common = { bundle: true, write: false, minify: true, target: "es2022", legalComments: "none", charset: "utf8" };

/** Gives the source of the worker to whoever imports "worker-source". */
const workerSource = {
  name: "worker-source",
  setup(builder) {
    builder.onResolve({ filter: /^worker-source$/ }, () => ({ path: "worker", namespace: "worker-source" }));
    builder.onLoad({ filter: /.*/, namespace: "worker-source" }, async () => {
      const worker = await build({ ...common, entryPoints: [here("src/worker/main.ts")], format: "iife" });
      return { contents: worker.outputFiles[0].text, loader: "text" };
    });
  },
};

const page = await pageText();
if (Buffer.byteLength(page) > MOST_BYTES) {
  throw new Error(`the page has ${Buffer.byteLength(page)} bytes, and may have ${MOST_BYTES}`);
}
if (!process.argv.includes("--check")) {
  await writeFile(PAGE, page);
  console.log(`wrote src/glorot/report/lab.html, ${Math.round(Buffer.byteLength(page) / 1000)} kB`);
} else if ((await readFile(PAGE, "utf8").catch(() => "")) !== page) {
  console.error("src/glorot/report/lab.html is not what lab/ builds: run `make lab` and commit the page");
  process.exitCode = 1;
}

async function pageText() {
  const [template, script, style, written] = await Promise.all([
    readFile(here("template.html"), "utf8"), scriptText(), styleText(), words(),
  ]);
  const policy =
    `default-src 'none'; script-src ${hashOf(script)} 'wasm-unsafe-eval'; style-src ${hashOf(style)}; worker-src blob:; ` +
    "base-uri 'none'; form-action 'none'";
  const parts = { policy, script, style, ...written };
  return template.replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
}

async function scriptText() {
  const bundle = await build({ ...common, entryPoints: [here("src/main.ts")], format: "iife", plugins: [workerSource] });
  return bundle.outputFiles[0].text.replaceAll("</script", "<\\/script");
}

async function styleText() {
  const sheet = await build({ ...common, stdin: { contents: '@import "./data/colors.css";\n@import "./src/style.css";', resolveDir: here("."), loader: "css" } });
  return sheet.outputFiles[0].text;
}

/** Returns title and description, and what stands in the page for browsers in which it can't run: its nets run here. */
async function words() {
  const bundle = await build({ ...common, entryPoints: [here("src/still.ts")], format: "esm" });
  const code = Buffer.from(bundle.outputFiles[0].text).toString("base64");
  return (await import(`data:text/javascript;base64,${code}`)).default;
}

function hashOf(text) {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
