/** A repository as years of releases make one: 500 tags, 50 MB of history. The same bytes in every run. */
import fs from 'node:fs';
import path from 'node:path';
import { git } from '../test/kit/git.ts';
import type { Bench } from './row.ts';

export const TAGS = 500;
const FILES = 400;
/** files that a release writes anew */
const CHANGED = 26;
/** of a file */
const LINES = 100;
const WHO = 'Gopher <gopher@bench.example>';
/** seconds: 2020-01-01 */
const FIRST = 1_577_836_800;

/** The tag of a release, from 0. */
export function tagOf(release: number): string {
  return `v1.${release}.0`;
}

/** The folder with the bare repository `<name>.git`, whose module has that path. */
export function historyFolder(bench: Bench, name: string, module: string): Promise<string> {
  return bench.shared(`history ${name}`, async () => {
    const folder = path.join(bench.folder, 'git');
    const repository = path.join(folder, `${name}.git`);
    const stream = path.join(bench.folder, `${name}.fast-import`);
    writeStream(stream, module);
    git(['init', '-q', '--bare', '--initial-branch=main', '--template=', repository]);
    git(['-C', repository, 'fast-import', '--quiet'], fs.readFileSync(stream));
    fs.rmSync(stream);
    // As a host of repositories keeps them.
    git(['-C', repository, 'repack', '-a', '-d', '-q']);
    git(['-C', repository, 'pack-refs', '--all']);
    return folder;
  });
}

/** The folder with a bare repository of so many tags on as many commits, which hold next to nothing. */
export function tagsFolder(bench: Bench, name: string, module: string, tags: number): Promise<string> {
  return bench.shared(`tags ${name}`, async () => {
    const folder = path.join(bench.folder, 'git');
    const repository = path.join(folder, `${name}.git`);
    const releases = Array.from({ length: tags }, (_, release) =>
      Buffer.concat([
        commit(release),
        ...(release === 0 ? [file('go.mod', goMod(module))] : []),
        tag(release),
      ]),
    );
    git(['init', '-q', '--bare', '--initial-branch=main', '--template=', repository]);
    git(['-C', repository, 'fast-import', '--quiet'], Buffer.concat(releases));
    git(['-C', repository, 'pack-refs', '--all']);
    return folder;
  });
}

function writeStream(place: string, module: string): void {
  const text = new Text();
  const fd = fs.openSync(place, 'w');
  for (let release = 0; release < TAGS; release += 1) {
    const first = release === 0;
    const pieces = [commit(release)];
    if (first) pieces.push(file('go.mod', goMod(module)), file('LICENSE', 'Free for all.\n'));
    for (let i = 0; i < (first ? FILES : CHANGED); i += 1) {
      const number = first ? i : text.below(FILES);
      pieces.push(file(`service${number % 20}/file${number}.go`, text.source(`service${number % 20}`)));
    }
    fs.writeSync(fd, Buffer.concat([...pieces, tag(release)]));
  }
  fs.closeSync(fd);
}

function goMod(module: string): string {
  return `module ${module}\n\ngo 1.22\n`;
}

function commit(release: number): Buffer {
  const message = `Release ${tagOf(release)}`;
  return Buffer.from(
    `commit refs/heads/main\nmark :${release + 1}\ncommitter ${WHO} ${FIRST + release * 3600} +0000\ndata ${message.length}\n${message}\n`,
  );
}

function file(name: string, text: string): Buffer {
  return Buffer.from(`M 100644 inline ${name}\ndata ${Buffer.byteLength(text)}\n${text}\n`);
}

function tag(release: number): Buffer {
  return Buffer.from(`reset refs/tags/${tagOf(release)}\nfrom :${release + 1}\n\n`);
}

/** Text like Go's, none of it twice, which deflates to a third or so. */
class Text {
  #state = 1;
  readonly #names: readonly string[] = Array.from({ length: 2000 }, () => this.below(2 ** 31).toString(36));

  /** A linear congruential generator, constants of Numerical Recipes. */
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  source(name: string): string {
    const lines = Array.from({ length: LINES }, () => this.#line());
    return `package ${name}\n\nfunc (s *Service) Do(ctx context.Context) error {\n${lines.join('')}\treturn nil\n}\n`;
  }

  #line(): string {
    const [a, b, c, d, e] = [this.#name(), this.#name(), this.#name(), this.#name(), this.#name()];
    return (
      `\tif err := s.${a}(ctx, &${b}{${c}: ${this.below(9999)}, ${d}: "${e} ${a}"}); err != nil {\n` +
      `\t\treturn fmt.Errorf("${b} ${e}: %w", err)\n\t}\n`
    );
  }

  #name(): string {
    return this.#names[this.below(this.#names.length)] ?? '';
  }
}
