/** The modules that the tests' upstream serves: one of every kind that the protocol treats differently. */
import { Fixture, type FixtureModule } from './fixture.ts';

const TIME = '2024-03-05T06:07:08Z';
/** bytes; the size of the large zip of the issue */
const BIG_BYTES = 69 << 20;

const go = (name: string, body: string) => `package ${name}\n\n${body}\n`;
const mod = (path: string, rest = '') => `module ${path}\n\ngo 1.20\n${rest}`;

function plain(version: string): FixtureModule['versions'][number] {
  const path = 'example.com/plain';
  const retract = version === 'v1.2.0' ? '\nretract v1.1.0 // sums are wrong\n' : '';
  return {
    version,
    time: TIME,
    files: {
      'go.mod': mod(path, retract),
      LICENSE: 'Free to use.\n',
      'plain.go': go('plain', `func Version() string { return "${version}" }`),
      'sub/pkg/pkg.go': go('pkg', 'func Name() string { return "pkg" }'),
    },
  };
}

export const PLAIN_BRANCH = 'v1.2.1-0.20240401102030-aabbccddeeff';
export const PLAIN_COMMIT = 'aabbccddeeff00112233445566778899aabbccdd';
export const UNTAGGED = 'v0.0.0-20240506070809-0123456789ab';
export const TOOLCHAIN = 'v0.0.1-go1.99.0.linux-amd64';

const APP_MAIN = `package main

import (
	"os"

	"example.com/Upper/Case"
	"example.com/legacy"
	v2 "example.com/mod/v2"
	"example.com/plain"
	"example.com/plain/sub/pkg"
	"example.com/untagged"
)

func main() {
	os.Stdout.WriteString(plain.Version() + " " + pkg.Name() + " " + Case.Name() + " " + v2.Name() + " " +
		legacy.Name() + " " + untagged.Name() + "\\n")
}
`;

export const APP_OUTPUT = 'v1.2.0 pkg Case v2 legacy untagged\n';
const APP_REQUIRE = `
require (
	example.com/Upper/Case v1.0.0
	example.com/legacy v2.0.0+incompatible
	example.com/mod/v2 v2.1.0
	example.com/plain v1.2.0
	example.com/untagged ${UNTAGGED}
)
`;

const MODULES: readonly FixtureModule[] = [
  {
    path: 'example.com/plain',
    versions: [
      plain('v1.0.0'),
      plain('v1.1.0'),
      plain('v1.2.0'),
      plain('v1.3.0-rc.1'),
      {
        ...plain(PLAIN_BRANCH),
        listed: false,
        queries: ['master', 'main', PLAIN_COMMIT, PLAIN_COMMIT.slice(0, 12)],
      },
    ],
    queries: { v1: 'v1.2.0', 'v1.1': 'v1.1.0' },
    latest: 'v1.2.0',
  },
  {
    path: 'example.com/Upper/Case',
    versions: [
      {
        version: 'v1.0.0',
        time: TIME,
        files: {
          'go.mod': mod('example.com/Upper/Case'),
          'c.go': go('Case', 'func Name() string { return "Case" }'),
        },
      },
      {
        version: 'v1.1.0-RC1',
        time: TIME,
        files: {
          'go.mod': mod('example.com/Upper/Case'),
          'c.go': go('Case', 'func Name() string { return "Case" }'),
        },
      },
    ],
    latest: 'v1.0.0',
  },
  {
    path: 'example.com/mod',
    versions: [
      { version: 'v1.0.0', time: TIME, files: { 'go.mod': mod('example.com/mod'), 'm.go': go('mod', '') } },
    ],
    latest: 'v1.0.0',
  },
  {
    path: 'example.com/mod/v2',
    versions: ['v2.0.0', 'v2.1.0'].map((version) => ({
      version,
      time: TIME,
      files: { 'go.mod': mod('example.com/mod/v2'), 'm.go': go('mod', 'func Name() string { return "v2" }') },
    })),
    latest: 'v2.1.0',
  },
  {
    path: 'example.com/legacy',
    // No go.mod: the answer to .mod is made up from the path, as the protocol tells.
    versions: [
      {
        version: 'v2.0.0+incompatible',
        time: TIME,
        files: { 'l.go': go('legacy', 'func Name() string { return "legacy" }') },
      },
    ],
    latest: 'v2.0.0+incompatible',
  },
  {
    path: 'example.com/untagged',
    versions: [
      {
        version: UNTAGGED,
        time: '2024-05-06T07:08:09Z',
        listed: false,
        queries: ['main', '0123456789ab'],
        files: {
          'go.mod': mod('example.com/untagged'),
          'u.go': go('untagged', 'func Name() string { return "untagged" }'),
        },
      },
    ],
    latest: UNTAGGED,
  },
  {
    path: 'example.com/big',
    versions: [
      { version: 'v1.0.0', time: TIME, files: { 'go.mod': mod('example.com/big') }, bulk: BIG_BYTES },
    ],
    latest: 'v1.0.0',
  },
  {
    path: 'example.com/medium',
    versions: ['v1.0.0', 'v1.1.0'].map((version) => ({
      version,
      time: TIME,
      files: { 'go.mod': mod('example.com/medium') },
      bulk: 4 << 20,
    })),
    latest: 'v1.1.0',
  },
  {
    // Its list and its go.mod are long enough to be worth compressing.
    path: 'example.com/long',
    versions: Array.from({ length: 200 }, (_, n) => ({
      version: `v1.${n}.0`,
      time: TIME,
      files: { 'go.mod': mod('example.com/long', '// a comment\n'.repeat(200)) },
    })),
    latest: 'v1.199.0',
  },
  {
    path: 'example.com/app',
    versions: [
      {
        version: 'v1.0.0',
        time: TIME,
        files: { 'go.mod': mod('example.com/app', APP_REQUIRE), 'main.go': APP_MAIN },
      },
    ],
    latest: 'v1.0.0',
  },
  {
    path: 'golang.org/toolchain',
    versions: [
      {
        version: TOOLCHAIN,
        time: TIME,
        listed: false,
        goMod: 'module golang.org/toolchain\n',
        files: {
          '_go.mod': 'module std\n',
          'bin/go': '#!/bin/sh\necho "the fake toolchain ran: $*"\n',
          'bin/gofmt': '',
          'pkg/tool/README': 'none\n',
          'lib/README': 'none\n',
          VERSION: 'go1.99.0\n',
        },
      },
    ],
  },
];

/** A fresh fixture; a test may change its own. */
export function fixture(): Fixture {
  return new Fixture(MODULES);
}
