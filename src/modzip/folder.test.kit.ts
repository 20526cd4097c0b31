/** For tests: folders of modules, and what of them is in a module zip. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const GOMOD = 'module corp.example/m\n\ngo 1.21\n';
const GOMOD_124 = 'module corp.example/m\n\ngo 1.24\n';
/** does not get smaller */
export const NOISE = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * i * 31) >> 9));

/** Makes files; a name with "@" at its end is a symbolic link, one with "|" a pipe, one with "/" a folder. */
export function make(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, data] of Object.entries(files)) {
    const place = path.join(folder, name.replace(/[@|/]$/, ''));
    mkdirSync(path.dirname(place), { recursive: true });
    if (name.endsWith('/')) mkdirSync(place);
    else if (name.endsWith('@')) symlinkSync(data.toString(), place);
    else if (name.endsWith('|')) execFileSync('mkfifo', [place]);
    else writeFileSync(place, data);
  }
}

export const FOLDERS: readonly {
  says: string;
  files: Readonly<Record<string, string | Buffer>>;
  chosen: string;
}[] = [
  { says: 'nothing', files: {}, chosen: '' },
  {
    says: 'files in folders',
    files: { 'go.mod': GOMOD, 'b/c': 'c', 'a.go': 'package m\n', 'b/a': '' },
    chosen: 'a.go b/a b/c go.mod',
  },
  {
    says: 'large files',
    files: { noise: NOISE, zero: Buffer.alloc(5_000_000), small: NOISE.subarray(0, 1000) },
    chosen: 'noise small zero',
  },
  {
    says: 'folders of version control systems',
    files: {
      '.git/config': '',
      'a/.hg/x': '',
      '.svn/x': '',
      '.bzr/x': '',
      '.gitignore': 'out',
      'out/x': '',
    },
    chosen: '.gitignore out/x',
  },
  { says: 'a file named .git', files: { '.git': 'gitdir: elsewhere', a: '' }, chosen: '.git a' },
  {
    says: 'nested modules',
    files: {
      'a/go.mod': '',
      'a/x': '',
      'b/go.mod@': '../x',
      'b/x': '',
      'c/GO.MOD': '',
      'c/x': '',
      'd/go.mod/': '',
      'd/x': '',
    },
    chosen: 'd/x',
  },
  {
    says: 'vendored packages',
    files: {
      'go.mod': GOMOD,
      'vendor/modules.txt': '',
      'vendor/a/b': '',
      'vendor/a/c/d': '',
      'x/vendor/y': '',
      'x/vendor/y2/z': '',
    },
    chosen: 'go.mod vendor/modules.txt',
  },
  {
    says: 'vendored packages since Go 1.24',
    files: {
      'go.mod': GOMOD_124,
      'vendor/modules.txt': '',
      'vendor/a/b': '',
      'x/vendor/y': '',
      'x/vendor/y2/z': '',
    },
    chosen: 'go.mod x/vendor/y',
  },
  {
    says: 'links and pipes',
    files: { 'a@': 'b', b: '', 'c|': '', 'd@': '/nowhere', 'e:@': 'b' },
    chosen: 'b',
  },
  { says: 'names in other scripts', files: { 'é/日本.go': 'x' }, chosen: 'é/日本.go' },
  { says: 'what hg archive makes', files: { '.hg_archival.txt': '', a: '' }, chosen: 'a' },
];

export const BAD_FOLDERS: readonly Readonly<Record<string, string | Buffer>>[] = [
  { 'a:b': '' },
  { a: '', A: '' },
  { 'GO.MOD': '' },
  { 'aux.go': '' },
  { 'go.mod': Buffer.alloc((16 << 20) + 1) },
];
