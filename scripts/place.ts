/**
 * Where a bundle goes: `dist/bundle/<digest>/`, a folder for each build that differs, beside `main.js`, which runs the
 * newest. What runs goes on with its own build, and finds the parts there that it loads late.
 */
import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** Builds that stay, of 1.5 MB each: a server goes on through so many changed ones less one. */
const KEPT = 10;
const SCRIPT = 0o755;
/** ms after which no build runs any more that has made a temporary name */
const BUILD_TIME = 60 * 60_000;
const BUILD_NAME = /^[0-9a-f]{12}$/;
const TEMP_NAME = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface BuiltFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export function placeBuild(bundle: string, files: readonly BuiltFile[]): void {
  const id = digest(files);
  const folder = path.join(bundle, id);
  if (fs.existsSync(folder)) fs.utimesSync(folder, new Date(), new Date());
  else writeFolder(folder, files);
  replace(path.join(bundle, 'main.js'), `#!/usr/bin/env node\nimport './${id}/main.js';\n`);
  // A tarball holds the newest one only.
  replace(path.join(bundle, '.npmignore'), `*\n!main.js\n!${id}\n!${id}/**\n`);
  removeOld(bundle);
}

function digest(files: readonly BuiltFile[]): string {
  const hash = createHash('sha256');
  for (const { name, bytes } of files) hash.update(`${name} ${bytes.length}\n`).update(bytes);
  return hash.digest('hex').slice(0, 12);
}

/** The folder appears whole, or not at all. */
function writeFolder(folder: string, files: readonly BuiltFile[]): void {
  const temp = tempOf(folder);
  fs.mkdirSync(temp, { recursive: true });
  for (const { name, bytes } of files) fs.writeFileSync(path.join(temp, name), bytes);
  try {
    fs.renameSync(temp, folder);
  } catch (error) {
    // A build at the same time was quicker, with the same files.
    fs.rmSync(temp, { recursive: true });
    if (!fs.existsSync(folder)) throw error;
  }
}

function replace(file: string, text: string): void {
  const temp = tempOf(file);
  fs.writeFileSync(temp, text, { mode: SCRIPT });
  fs.renameSync(temp, file);
}

function tempOf(name: string): string {
  return `${name}.${randomUUID()}`;
}

function removeOld(bundle: string): void {
  const all = fs
    .readdirSync(bundle)
    .map((name) => path.join(bundle, name))
    .map((name) => ({ name, time: fs.statSync(name, { throwIfNoEntry: false })?.mtimeMs ?? 0 }));
  const builds = all.filter(({ name }) => BUILD_NAME.test(path.basename(name)));
  for (const { name } of builds.sort((a, b) => b.time - a.time).slice(KEPT)) removeFolder(name);
  // What is left of builds and removals that were killed.
  const old = all.filter(({ time }) => time < Date.now() - BUILD_TIME);
  for (const { name } of old) if (TEMP_NAME.test(name)) fs.rmSync(name, { recursive: true, force: true });
}

/** The folder vanishes as a whole: a later build takes what has its name for complete. */
function removeFolder(folder: string): void {
  const temp = tempOf(folder);
  try {
    fs.renameSync(folder, temp);
  } catch (error) {
    // A build at the same time was quicker.
    if (fs.existsSync(folder)) throw error;
    return;
  }
  fs.rmSync(temp, { recursive: true, force: true });
}
