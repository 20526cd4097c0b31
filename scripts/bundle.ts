/**
 * Puts the program into a few files below dist/bundle: Node spends most of a start on finding and reading hundreds of
 * small ones. Beside the program, each file that a thread or process runs by `new URL('./NAME.js', import.meta.url)` is
 * an entry of its own; all lie in one folder, so that these URLs hold there too. `place.ts` says which folder.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { placeBuild } from './place.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const FROM = path.join(PROJECT, 'dist/src');
const TO = path.join(PROJECT, 'dist/bundle');
const MAIN = path.join(FROM, 'cli/main.js');
const BUILD_INFO = path.join(FROM, 'cli/build.json');
const RUN_BY_URL = /new URL\('(\.\/[\w-]+\.js)', import\.meta\.url\)/g;

const LOADED_PACKAGE = /\bimport\('((?!\.|node:)[^']+)'\)/;

/** CommonJS packages of the bundle call require() for Node's own modules. */
const REQUIRE =
  "import { createRequire as modgateRequire } from 'node:module'; const require = modgateRequire(import.meta.url);";

function sources(folder: string): string[] {
  return fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const wanted = name.endsWith('.js') && !name.includes('.test.');
    return wanted ? [path.join(folder, name)] : [];
  });
}

function entries(): string[] {
  const byUrl = sources(FROM).flatMap((file) => {
    const text = fs.readFileSync(file, 'utf8');
    const [, loaded] = LOADED_PACKAGE.exec(text) ?? [];
    if (loaded !== undefined)
      throw new Error(
        `${file} loads ${loaded} by import(): a CommonJS package has no names then. Import it statically in a file of its own, and load that`,
      );
    const found = text.matchAll(RUN_BY_URL);
    return [...found].map(([, name = '']) => path.join(path.dirname(file), name));
  });
  const all = [...new Set([MAIN, ...byUrl])];
  const names = all.map((file) => path.basename(file));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new Error(
      `two files that are run by URL are called ${twice}: rename one, the bundle is one folder`,
    );
  return all;
}

/** What the licences of the packages in the bundle ask for: their texts beside it. */
function licences(metafile: Metafile): string {
  const packages = new Set<string>();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (found !== undefined) packages.add(found);
  }
  return [...packages].sort().map(licence).join('\n');
}

function licence(folder: string): string {
  const about: { name: string; version: string; license?: string } = JSON.parse(
    fs.readFileSync(path.join(PROJECT, folder, 'package.json'), 'utf8'),
  );
  const file = fs.readdirSync(path.join(PROJECT, folder)).find((name) => /^licen[cs]e/i.test(name));
  const text = file === undefined ? '' : fs.readFileSync(path.join(PROJECT, folder, file), 'utf8');
  return `=== ${about.name} ${about.version} (${about.license ?? 'see below'})\n\n${text.trim()}\n`;
}

/**
 * The parts of undici that the program uses. Its index loads fetch, caches, mocks and web sockets too, which is most of
 * its cost at a start. A name that is imported elsewhere and is not here fails the build.
 */
const UNDICI = `
export { default as Agent } from 'undici/lib/dispatcher/agent.js';
export { default as Client } from 'undici/lib/dispatcher/client.js';
export { default as Pool } from 'undici/lib/dispatcher/pool.js';
export { default as buildConnector } from 'undici/lib/core/connect.js';
export { default as errors } from 'undici/lib/core/errors.js';
`;

const partsOfUndici: Plugin = {
  name: 'parts of undici',
  setup(plugged) {
    plugged.onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'parts' }));
    plugged.onLoad({ filter: /.*/, namespace: 'parts' }, () => ({ contents: UNDICI, resolveDir: PROJECT }));
  },
};

const { metafile, outputFiles } = await build({
  absWorkingDir: PROJECT,
  entryPoints: entries(),
  outdir: TO,
  entryNames: '[name]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Names stay, so that a stack trace can be read; comments and spaces cost time at every start.
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 200,
  legalComments: 'none',
  banner: { js: REQUIRE },
  metafile: true,
  write: false,
  plugins: [partsOfUndici],
  logLevel: 'warning',
});
placeBuild(TO, [
  ...outputFiles.map((file) => ({ name: path.basename(file.path), bytes: file.contents })),
  { name: 'build.json', bytes: fs.readFileSync(BUILD_INFO) },
  { name: 'LICENSES.txt', bytes: Buffer.from(licences(metafile)) },
]);
