/** A Chromium for the browser tests: the machine's own where there is one, else the one that comes as an npm package (with the libraries it needs). */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const installed = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

/** @returns {Promise<{ path: string, environment: Record<string, string> }>} */
export async function findChromium() {
  const found = [process.env.SALLYPORT_CHROMIUM, ...installed].find((file) => file && fs.existsSync(file));
  if (found) return { path: found, environment: {} };
  // The package unpacks its libraries (NSS, NSPR, expat) only when it believes to run where it was made for.
  process.env.AWS_LAMBDA_JS_RUNTIME ??= "nodejs22.x";
  const { default: chromium } = await import("@sparticuz/chromium");
  const libraries = path.join(os.tmpdir(), "al2023", "lib");
  const unpacked = await chromium.executablePath();
  return { path: unpacked, environment: { LD_LIBRARY_PATH: [libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(":") } };
}
