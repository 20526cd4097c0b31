/** For tests: the real golang.org/x/mod/zip, out of the Go distribution's own copy, as the judge of our choices. */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Candidate } from './choose.ts';
import { withoutGo } from './rawzip.test.kit.ts';

/** One question: a list of files, or a folder. */
export type XModQuestion =
  | { readonly files: readonly (Candidate & { readonly data?: string })[] }
  | { readonly folder: string };

export interface XModAnswer {
  readonly valid: readonly string[] | null;
  readonly omitted: readonly string[] | null;
  readonly error: string;
  /** of the zip, for a folder */
  readonly h1: string;
}

const JUDGE = `package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

type file struct {
	FileName string \`json:"name"\`
	Kind     string \`json:"kind"\`
	FileSize int64  \`json:"size"\`
	Data     string \`json:"data"\`
}

func (f file) Path() string                 { return f.FileName }
func (f file) Lstat() (os.FileInfo, error)  { return f, nil }
func (f file) Open() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(f.Data)), nil }
func (f file) Name() string                 { return f.FileName }
func (f file) Size() int64                  { return f.FileSize }
func (f file) ModTime() time.Time           { return time.Time{} }
func (f file) IsDir() bool                  { return false }
func (f file) Sys() any                     { return nil }
func (f file) Mode() fs.FileMode {
	switch f.Kind {
	case "symlink":
		return fs.ModeSymlink
	case "irregular":
		return fs.ModeNamedPipe
	}
	return 0o644
}

type question struct {
	Files  []file \`json:"files"\`
	Folder string \`json:"folder"\`
}

type answer struct {
	Valid   []string \`json:"valid"\`
	Omitted []string \`json:"omitted"\`
	Error   string   \`json:"error"\`
	H1      string   \`json:"h1"\`
}

func judge(q question) (a answer) {
	var checked zip.CheckedFiles
	var err error
	if q.Folder != "" {
		checked, err = zip.CheckDir(q.Folder)
		if err == nil {
			a.H1, err = sum(q.Folder)
		}
	} else {
		files := make([]zip.File, len(q.Files))
		for i, f := range q.Files {
			files[i] = f
		}
		checked, err = zip.CheckFiles(files)
	}
	a.Valid = checked.Valid
	for _, o := range checked.Omitted {
		a.Omitted = append(a.Omitted, o.Path)
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

func sum(folder string) (string, error) {
	f, err := os.CreateTemp(".", "zip")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	m := module.Version{Path: "corp.example/m", Version: "v1.0.0"}
	if err := zip.CreateFromDir(f, m, folder); err != nil {
		return "", err
	}
	return dirhash.HashZip(f.Name(), dirhash.Hash1)
}

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var questions []question
	if err := json.Unmarshal(data, &questions); err != nil {
		panic(err)
	}
	answers := make([]answer, len(questions))
	for i, q := range questions {
		answers[i] = judge(q)
	}
	out, err := json.Marshal(answers)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(out))
}
`;

function goEnv(name: string): string {
  return spawnSync('go', ['env', name], { encoding: 'utf8' }).stdout.trim();
}

const COPY = 'src/cmd/vendor/golang.org/x/mod';

/** Why x/mod cannot be the judge here, false where it can. */
export const withoutXMod: string | false =
  withoutGo ||
  (existsSync(path.join(goEnv('GOROOT'), COPY, 'zip')) ? false : 'no copy of x/mod in the Go distribution');

/** Builds the judge in an empty folder, once for all questions. */
export class XMod {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    const copy = path.join(folder, 'xmod');
    cpSync(path.join(goEnv('GOROOT'), COPY), copy, { recursive: true });
    // The distribution's files may be read-only, and the copy is removed in the end.
    spawnSync('chmod', ['-R', 'u+w', copy]);
    // The copy may use whatever the distribution that it belongs to has.
    const go = /[0-9]+\.[0-9]+/.exec(goEnv('GOVERSION'))?.[0] ?? '1.24';
    writeFileSync(path.join(copy, 'go.mod'), `module golang.org/x/mod\n\ngo ${go}\n`);
    mkdirSync(path.join(folder, 'judge'));
    writeFileSync(path.join(folder, 'judge/main.go'), JUDGE);
    writeFileSync(
      path.join(folder, 'judge/go.mod'),
      `module judge.example\n\ngo ${go}\n\nrequire golang.org/x/mod v0.0.0\n\nreplace golang.org/x/mod => ../xmod\n`,
    );
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      GOCACHE: path.join(folder, 'gocache'),
      GOPATH: path.join(folder, 'gopath'),
      GOFLAGS: '-mod=mod',
      GOPROXY: 'off',
      GOTOOLCHAIN: 'local',
      GOENV: 'off',
      CGO_ENABLED: '0',
    };
    const built = spawnSync('go', ['build', '-o', path.join(folder, 'judge/judge'), '.'], {
      cwd: path.join(folder, 'judge'),
      env,
      encoding: 'utf8',
    });
    if (built.status !== 0) throw new Error(built.stderr);
  }

  async ask(questions: readonly XModQuestion[]): Promise<XModAnswer[]> {
    const file = path.join(this.#folder, 'questions.json');
    writeFileSync(file, JSON.stringify(questions));
    const { stdout } = await promisify(execFile)(path.join(this.#folder, 'judge/judge'), [file], {
      cwd: this.#folder,
      maxBuffer: 1 << 30,
    });
    const answers: XModAnswer[] = JSON.parse(stdout);
    return answers;
  }
}
