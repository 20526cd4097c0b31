/** Repositories of every shape that changes what is in a module zip: ours and the real go command's, by h1. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { hashGoMod } from '../../src/modzip/index.ts';
import { type GitFile, GitFolder, type GitProject, git } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { Web } from '../kit/meta.ts';
import { Modgate } from '../kit/modgate.ts';
import { h1Of, readZip } from '../kit/read-zip.ts';

const HOST = 'corp.example';
const MIB = 1 << 20;

type Files = Readonly<Record<string, GitFile>>;

interface Shape {
  /** of the repository, and of its module where `below` is not given */
  readonly name: string;
  readonly files?: Files;
  readonly make?: (project: GitProject) => void;
  readonly format?: 'sha256';
  /** default: v1.0.0, of the repository's root */
  readonly tag?: string;
  /** default: nothing; what stands behind the repository's path in the module's */
  readonly below?: string;
  /** default: that of the tag */
  readonly version?: string;
  /** what the refusal says; undefined: it is served */
  readonly refused?: RegExp;
}

const MOD = (name: string, go = '1.20') => `module ${HOST}/${name}.git\n\ngo ${go}\n`;

const VENDORED: Files = {
  'a.go': 'package a\n',
  'vendor/modules.txt': '# x\n',
  'vendor/top.go': 'package top\n',
  'vendor/x.example/y/y.go': 'package y\n',
  'pkg/vendor/p.go': 'package p\n',
  'pkg/vendor/x.example/z/z.go': 'package z\n',
};

const SHAPES: readonly Shape[] = [
  { name: 'plain', files: { 'a.go': 'package a\n', 'go.mod': MOD('plain') } },
  { name: 'legacy', files: { 'a.go': 'package a\n' } },
  { name: 'vendor', files: { ...VENDORED, 'go.mod': MOD('vendor') } },
  { name: 'vendor124', files: { ...VENDORED, 'go.mod': MOD('vendor124', '1.24') } },
  {
    name: 'nested',
    files: {
      'go.mod': MOD('nested'),
      'a.go': 'package a\n',
      'inner/go.mod': 'module x\n',
      'inner/i.go': 'package i\n',
      'inner/deep/d.go': 'package d\n',
      'upper/GO.MOD': 'module x\n',
      'upper/u.go': 'package u\n',
      'linked/go.mod': { symlink: '../go.mod' },
      'linked/l.go': 'package l\n',
    },
  },
  {
    name: 'symlinks',
    files: {
      'go.mod': MOD('symlinks'),
      'a.go': 'package a\n',
      'b.go': { symlink: 'a.go' },
      dir: { symlink: '.' },
    },
  },
  {
    name: 'submodule',
    files: {
      'go.mod': MOD('submodule'),
      '.gitmodules': '[submodule "other"]\n\tpath = other\n\turl = https://corp.example/other\n',
      other: { submodule: '1234567812345678123456781234567812345678' },
    },
  },
  {
    name: 'export-ignore',
    files: {
      'go.mod': MOD('export-ignore'),
      '.gitattributes': 'hidden/** export-ignore\n*.secret export-ignore\n',
      'hidden/h.go': 'package h\n',
      'a.secret': 'kept all the same\n',
    },
  },
  {
    name: 'export-subst',
    files: {
      'go.mod': MOD('export-subst'),
      '.gitattributes': '*.txt export-subst\n',
      'version.txt': '$Format:%H %ci$\n',
    },
  },
  {
    name: 'crlf',
    files: {
      'go.mod': MOD('crlf'),
      '.gitattributes': '*.txt text eol=crlf\n*.lf text eol=lf\n*.auto text=auto\n*.bin -text\n',
      'a.txt': 'one\ntwo\n',
      'b.txt': 'one\r\ntwo\n',
      'c.lf': 'one\ntwo\n',
      'd.auto': 'one\r\ntwo\r\n',
      'e.auto': 'one\ntwo\n',
      'f.bin': 'one\r\ntwo\n',
      'deep/.gitattributes': '*.txt -text\n',
      'deep/g.txt': 'one\ntwo\n',
    },
  },
  {
    name: 'crlf-mod',
    files: { 'go.mod': `module ${HOST}/crlf-mod.git\r\n\r\ngo 1.20\r\n`, '.gitattributes': '* text=auto\n' },
  },
  { name: 'eol-mod', files: { 'go.mod': MOD('eol-mod'), '.gitattributes': 'go.mod text eol=crlf\n' } },
  {
    name: 'lfs',
    files: {
      'go.mod': MOD('lfs'),
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
      'a.bin': `version https://git-lfs.github.com/spec/v1\noid sha256:${'4d'.repeat(32)}\nsize 12345\n`,
    },
  },
  {
    name: 'ident',
    files: { 'go.mod': MOD('ident'), '.gitattributes': '*.go ident\n', 'a.go': 'package a // $Id$\n' },
  },
  {
    name: 'encoding',
    files: {
      'go.mod': MOD('encoding'),
      '.gitattributes': '*.txt text working-tree-encoding=UTF-16LE eol=crlf\n',
      'a.txt': 'grün\n',
    },
  },
  { name: 'sha256', format: 'sha256', files: { 'go.mod': MOD('sha256'), 'a.go': 'package a\n' } },
  {
    name: 'names',
    files: {
      'go.mod': MOD('names'),
      'with space/a b.txt': '1\n',
      'grün/Ä.txt': '2\n',
      '日本語.go': 'package a\n',
      '!#$%&()+,-.=@[]^_{}~.txt': '3\n',
      '.hidden/.x': '4\n',
    },
  },
  {
    name: 'modes',
    files: { 'go.mod': MOD('modes'), 'run.sh': { executable: '#!/bin/sh\n' }, empty: '', 'dir/empty': '' },
  },
  {
    name: 'hg',
    files: {
      'go.mod': MOD('hg'),
      '.hg_archival.txt': 'x\n',
      'sub/.hg_archival.txt': 'x\n',
      '.hgtags': 'x\n',
    },
  },
  {
    name: 'license',
    tag: 'sub/v1.2.3',
    below: '/sub',
    files: { LICENSE: 'all\n', 'sub/go.mod': `module ${HOST}/license.git/sub\n`, 'sub/a.go': 'package a\n' },
  },
  {
    name: 'license-own',
    tag: 'sub/v1.2.3',
    below: '/sub',
    files: { LICENSE: 'all\n', 'sub/LICENSE': 'own\n', 'sub/go.mod': `module ${HOST}/license-own.git/sub\n` },
  },
  {
    name: 'license-link',
    tag: 'sub/v1.2.3',
    below: '/sub',
    files: {
      LICENSE: 'all\n',
      'sub/LICENSE': { symlink: '../LICENSE' },
      'sub/go.mod': `module ${HOST}/license-link.git/sub\n`,
    },
  },
  {
    name: 'license-linked-root',
    tag: 'sub/v1.2.3',
    below: '/sub',
    files: {
      COPYING: 'all\n',
      LICENSE: { symlink: 'COPYING' },
      'sub/go.mod': `module ${HOST}/license-linked-root.git/sub\n`,
    },
  },
  {
    name: 'license-crlf',
    tag: 'sub/v1.2.3',
    below: '/sub',
    files: {
      '.gitattributes': '* text eol=crlf\n',
      LICENSE: 'one\ntwo\n',
      'sub/a.txt': 'one\n',
      'sub/go.mod': `module ${HOST}/license-crlf.git/sub\n`,
    },
  },
  {
    name: 'major-folder',
    tag: 'sub/v2.1.0',
    below: '/sub/v2',
    files: {
      LICENSE: 'all\n',
      'sub/go.mod': `module ${HOST}/major-folder.git/sub\n`,
      'sub/a.go': 'package a\n',
      'sub/v2/go.mod': `module ${HOST}/major-folder.git/sub/v2\n`,
      'sub/v2/b.go': 'package b\n',
    },
  },
  {
    name: 'major-branch',
    tag: 'v2.0.0',
    below: '/v2',
    files: { 'go.mod': `module ${HOST}/major-branch.git/v2\n`, 'a.go': 'package a\n' },
  },
  { name: 'incompatible', tag: 'v3.1.0', version: 'v3.1.0+incompatible', files: { 'a.go': 'package a\n' } },
  {
    name: 'annotated',
    make: (project) => void project.annotate('v1.0.0', project.commit({ 'a.go': 'package a\n' })),
  },
  {
    name: 'case',
    files: { 'go.mod': MOD('case'), 'a.go': '1', 'A.go': '2' },
    refused: /case-insensitive|only by case|collision/i,
  },
  {
    name: 'case-folder',
    files: { 'x/a.go': '1', 'X/b.go': '2' },
    refused: /case-insensitive|only by case|collision/i,
  },
  { name: 'upper-mod', files: { 'GO.MOD': 'module x\n', 'a.go': '1' }, refused: /go\.mod/ },
  { name: 'colon', files: { 'a:b.txt': '1' }, refused: /invalid char/ },
  { name: 'device', files: { 'dir/aux.txt': '1' }, refused: /aux/ },
  { name: 'dot-end', files: { 'dir./x': '1' }, refused: /trailing dot/ },
  { name: 'rune', files: { 'a\u200bb.txt': '1' }, refused: /invalid char/ },
  { name: 'big-license', files: { LICENSE: Buffer.alloc(17 * MIB), 'a.go': '1' }, refused: /LICENSE/ },
  { name: 'big-tree', make: makeLarge, refused: /larger|500 MiB/ },
];

/** One blob of 63 MiB under eight names: little to fetch, and 504 MiB of files. */
function makeLarge(project: GitProject): void {
  const at = ['--git-dir', project.folder];
  const blob = git([...at, 'hash-object', '-w', '--stdin'], Buffer.alloc(63 * MIB));
  const lines = Array.from({ length: 8 }, (_, i) => `100644 blob ${blob}\t${i}.bin\n`);
  const tree = git([...at, 'mktree'], lines.join(''));
  const root = project.commit({ 'a.go': 'package a\n' });
  const who = git([...at, 'cat-file', 'commit', root]).replace(/^tree .*\n/, `tree ${tree}\n`);
  project.tag('v1.0.0', git([...at, 'hash-object', '-t', 'commit', '-w', '--stdin'], who));
}

interface Made {
  readonly shape: Shape;
  readonly path: string;
  readonly version: string;
}

/** What `go mod download -json` says of a module. */
interface Downloaded {
  readonly Path: string;
  readonly Error?: string;
  readonly Info?: string;
  readonly Sum?: string;
  readonly GoModSum?: string;
}

describe('zips of every shape are the go command’s own', { skip: withoutGo }, () => {
  const folder = new GitFolder();
  let server: GitServer;
  let web: Web;
  let modgate: Modgate;
  let go: Go;
  let direct: ReadonlyMap<string, Downloaded>;
  const made: Made[] = SHAPES.map((shape) => ({
    shape,
    path: `${HOST}/${shape.name}.git${shape.below ?? ''}`,
    version: shape.version ?? (shape.tag ?? 'v1.0.0').replace(/^.*\//, ''),
  }));

  before(async () => {
    for (const { name, files = {}, make, format, tag = 'v1.0.0' } of SHAPES) {
      const project = folder.create(name, format);
      if (make === undefined) project.commit(files, { tags: [tag] });
      else make(project);
    }
    server = await GitServer.start({ folder: folder.folder });
    web = await Web.start();
    web.forward(HOST, server.url);
    modgate = await Modgate.start({ config: { chain: 'direct' }, env: web.env });
    go = new Go();
    const args = made.map(({ path, version }) => `${path}@${version}`);
    const run = await go.run(['mod', 'download', '-json', ...args], {
      proxy: 'direct',
      cwd: go.project(),
      env: { ...web.env, GOVCS: '*:all', GIT_CONFIG_NOSYSTEM: '1' },
      limit: 240_000,
    });
    const answers: Downloaded[] = JSON.parse(`[${run.stdout.trim().replaceAll('\n}\n{', '\n},\n{')}]`);
    direct = new Map(answers.map((answer) => [answer.Path, answer]));
  });
  after(async () => {
    await modgate?.remove();
    go?.remove();
    await web?.close();
    await server?.close();
    folder.remove();
  });

  for (const { shape, path, version } of made)
    test(`${shape.name}: ${shape.refused === undefined ? 'served' : 'refused'}`, async () => {
      const expected = direct.get(path);
      assert.ok(expected !== undefined, 'the go command said nothing');
      const url = `/${path}/@v/${version}`;
      const zip = await modgate.ask(`${url}.zip`);
      if (shape.refused !== undefined) {
        assert.match(expected.Error ?? 'no error of the go command', /./);
        assert.equal(zip.status, 502, zip.text.slice(0, 500));
        assert.match(zip.text, shape.refused);
        assert.match(zip.text, /BAD_MODULE/);
        return;
      }
      assert.equal(expected.Error, undefined);
      assert.equal(zip.status, 200, zip.text.slice(0, 500));
      assert.equal(h1Of(readZip(zip.body)), expected.Sum);
      const mod = await modgate.ask(`${url}.mod`);
      assert.equal(hashGoMod(mod.body), expected.GoModSum);
      const info = await modgate.ask(`${url}.info`);
      const { readFileSync } = await import('node:fs');
      assert.deepEqual(JSON.parse(info.text), JSON.parse(readFileSync(expected.Info ?? '', 'utf8')));
    });
});
