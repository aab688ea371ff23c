// Makes web/static/vendor/ (which git ignores): the packages that pages load as published, and the parts of ECharts bundled.

import { buildSync } from "esbuild";
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const VENDOR = join(ROOT, "web", "static", "vendor");

const FILES = {
  "htmx.org/dist/htmx.min.js": "htmx.min.js",
  "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui-bundle.js",
  "swagger-ui-dist/swagger-ui.css": "swagger-ui.css",
};

mkdirSync(VENDOR, { recursive: true });
for (const [from, to] of Object.entries(FILES)) {
  copyFileSync(join(ROOT, "node_modules", from), join(VENDOR, to));
}
buildSync({
  entryPoints: [join(ROOT, "web", "charts.mjs")],
  outfile: join(VENDOR, "charts.js"),
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "echarts",
  target: "es2020",
  legalComments: "eof",
  nodePaths: [join(ROOT, "node_modules")],
});
