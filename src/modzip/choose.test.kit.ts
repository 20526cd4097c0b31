/** For tests: sets of files, and which of them are in a module zip. */
import { type Candidate, chooseFiles } from './choose.ts';

export const MIB = 1 << 20;
export type File = Candidate & { readonly data?: string };

/** "name", "name@" for a symbolic link, "name|" for a pipe, "name=" for a submodule, "name:7" for a size in MiB */
export function candidates(text: string): File[] {
  return text.split(/ +/).map((word) => {
    const [, name = '', mark, size] = /^(.*?)(?:([@|=])|:(\d+))?$/.exec(word) ?? [];
    const kind = mark === '@' ? 'symlink' : mark === '|' ? 'irregular' : mark === '=' ? 'submodule' : 'file';
    return { name, kind, size: Number(size ?? 0) * MIB };
  });
}

export function withGo(version: string, text: string): File[] {
  return [
    { name: 'go.mod', kind: 'file', size: 9, data: `module corp.example/m\n\ngo ${version}\n` },
    ...candidates(text),
  ];
}

export function choose(files: readonly File[]) {
  const goMod = files.find(({ name }) => name === 'go.mod')?.data;
  return chooseFiles(files, goMod === undefined ? undefined : Buffer.from(goMod));
}

export const CHOICES: readonly { files: File[]; chosen: string }[] = [
  { files: candidates('go.mod a.go sub/b.go LICENSE'), chosen: 'go.mod a.go sub/b.go LICENSE' },
  { files: candidates('b a'), chosen: 'b a' },
  // vendored packages
  { files: candidates('vendor/a.go vendor/x/a.go a/vendor/b a/vendor/x/b'), chosen: 'vendor/a.go' },
  {
    files: candidates('vendor/modules.txt xvendor/a/b vendorx/a/b'),
    chosen: 'vendor/modules.txt xvendor/a/b vendorx/a/b',
  },
  { files: withGo('1.23', 'vendor/modules.txt a/vendor/b'), chosen: 'go.mod vendor/modules.txt' },
  { files: withGo('1.24', 'vendor/modules.txt a/vendor/b a/vendor/x/b'), chosen: 'go.mod a/vendor/b' },
  { files: withGo('1.24rc1', 'vendor/modules.txt'), chosen: 'go.mod' },
  { files: withGo('1.24.3', 'vendor/modules.txt'), chosen: 'go.mod' },
  { files: withGo('2.0', 'vendor/modules.txt'), chosen: 'go.mod' },
  // no Go version at all
  { files: withGo('1.24.3rc1', 'vendor/modules.txt'), chosen: 'go.mod vendor/modules.txt' },
  { files: withGo('1.24\nnonsense (', 'vendor/modules.txt'), chosen: 'go.mod vendor/modules.txt' },
  // nested modules, whatever the case of their go.mod, unless it is no file
  { files: candidates('a/go.mod a/x a/b/y b/GO.MOD b/x c/x'), chosen: 'c/x' },
  { files: candidates('a/go.mod@ a/x b/go.mod| b/x c/go.mod= c/x'), chosen: 'a/x b/x c/x' },
  { files: candidates('a/b/go.mod a/x ab/x a/bc/x'), chosen: 'a/x ab/x a/bc/x' },
  // never in a zip
  { files: candidates('.hg_archival.txt x/.hg_archival.txt a@ b| c= d'), chosen: 'x/.hg_archival.txt d' },
  // what is left out by its place may break every rule
  { files: candidates('vendor/a/b:c vendor/a/B vendor/a/b a/go.mod a/x: a/X:'), chosen: '' },
  { files: candidates('a:b= x'), chosen: 'x' },
  { files: candidates('go.mod:16 LICENSE:16 x/LICENSE:17 a:451'), chosen: 'go.mod LICENSE x/LICENSE a' },
];

export const REFUSED: readonly { files: File[]; says: RegExp }[] = [
  { files: candidates('a/../b'), says: /"a\/\.\.\/b": the path is not clean/ },
  { files: candidates('a//b'), says: /not clean/ },
  { files: candidates('./a'), says: /not clean/ },
  { files: candidates('a/'), says: /not clean/ },
  { files: [{ name: '', kind: 'file', size: 0 }], says: /not clean/ },
  { files: candidates('/a'), says: /not relative/ },
  { files: candidates('../a'), says: /invalid path element/ },
  { files: candidates('.'), says: /invalid path element/ },
  { files: candidates('a:b'), says: /^files that no module zip may hold:\n"a:b": invalid char ":"$/ },
  { files: candidates('aux.go'), says: /Windows/ },
  { files: candidates('a:b@'), says: /invalid char/ },
  { files: candidates('GO.MOD'), says: /lower-case/ },
  { files: candidates('a A'), says: /case-insensitive/ },
  { files: candidates('x/a X/b'), says: /case-insensitive/ },
  { files: candidates('a a/b'), says: /both a file and a folder/ },
  { files: candidates('a a'), says: /multiple entries/ },
  { files: candidates('a A@'), says: /case-insensitive/ },
  { files: candidates('go.mod:17'), says: /"go\.mod": larger than 16 MiB/ },
  { files: candidates('LICENSE:17'), says: /"LICENSE": larger than 16 MiB/ },
  { files: candidates('a:250 b:251'), says: /too large.*500 MiB/ },
  // the size is told first
  { files: candidates('a:b c:501'), says: /too large/ },
  { files: candidates('a: b: c: d: e:'), says: /"c:": .*\nand 2 more$/ },
];
