// Bundles src/KIND/main.js to KIND.js and src/page.css to page.css.
// node build.mjs [FOLDER]: into bundle/, or into the folder named.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "bundle");
const require = createRequire(import.meta.url);
const BUNDLED = ["@dagrejs/dagre", "@dagrejs/graphlib"]; // dagre ships with graphlib inside

function licences() {
  const texts = BUNDLED.map((name) => {
    const folder = dirname(require.resolve(`${name}/package.json`));
    const { version } = require(`${name}/package.json`);
    return `${name} ${version}\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}`;
  });
  return `/*! ${texts.join("\n\n")}\n*/\n`;
}

const kinds = readdirSync(join(here, "src")).filter((name) =>
  existsSync(join(here, "src", name, "main.js")),
);
const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  charset: "ascii",
  target: "es2022",
  write: false,
  logLevel: "warning",
  metafile: true,
};
mkdirSync(out, { recursive: true });
for (const kind of kinds) {
  const done = await build({ ...shared, entryPoints: [`src/${kind}/main.js`], format: "iife" });
  const inside = Object.keys(done.metafile.inputs).some((path) =>
    path.includes("node_modules"),
  );
  writeFileSync(join(out, `${kind}.js`), (inside ? licences() : "") + done.outputFiles[0].text);
}
const css = await build({ ...shared, entryPoints: ["src/page.css"] });
writeFileSync(join(out, "page.css"), css.outputFiles[0].text);
