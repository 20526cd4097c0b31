/** Private routes, rewritings and mappings of repositories: their faults with their places, and what they are read to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults, load } from './load-folder.test.kit.ts';
import { printConfig } from './print.ts';

const route = (chain: string, rest = '') =>
  `sources:\n  open: { url: https://open.example }\n  own: { url: https://own.example, private: true }\n  disk: { url: file:///srv/go }\nroutes:\n  - { match: corp.example, chain: "${chain}", private: true${rest} }\n`;
const mapped = (...entries: string[]) =>
  `vcs:\n  repositories:\n${entries.map((entry) => `    - ${entry}\n`).join('')}`;
const to = (url: string, match = 'a.example/*') => mapped(`{ match: "${match}", url: "${url}" }`);
const into = (folder: string) =>
  mapped(`{ match: "a.example/*", url: "https://b.example/{1}", subdirectory: "${folder}" }`);
const instead = (map: string) => `routes: [{ match: a, chain: direct, instead_of: ${map} }]\n`;

const FAULTS: readonly (readonly [what: string, yaml: string, expected: readonly string[]])[] = [
  ['private with direct', route('direct'), []],
  ['private with its own sources', route('own|disk,direct'), []],
  ['private with a folder by URL', route('file:///srv/other,off'), []],
  [
    'private with a public source',
    route('own,open,direct'),
    [
      '6:35: the route is private, and "open" of its chain is not: say "private: true" at sources.open if it may be asked about them',
    ],
  ],
  [
    'private with a URL',
    route('own,https://u:hunter2@other.example'),
    [
      '6:35: the route is private, and element 2 of its chain is not: give it a name below sources, and "private: true" there, if it may be asked about them',
    ],
  ],
  [
    'private is no text',
    route('direct', ', denied: no').replace('private: true, denied: no', 'private: yes'),
    ['6:54: routes.private must be true or false, not text'],
  ],
  [
    'instead_of both ways',
    instead(
      '{ "ssh://git@a.example/": ["https://a.example/", "http://a.example/"], "git@b.example:": "https://b.example/" }',
    ),
    [],
  ],
  [
    'instead_of of no URL',
    instead('{ nope: "https://a.example/" }'),
    ['1:51: "nope" is not the begin of a URL, such as https://host/ or ssh://git@host/'],
  ],
  [
    'instead_of with another scheme',
    instead('{ "ext::sh -c": "https://a.example/" }'),
    ['1:51: "ext::sh -c" is not the begin of a URL, such as https://host/ or ssh://git@host/'],
  ],
  [
    'instead_of with credentials',
    instead('{ "https://u:hunter2@a.example/": "https://a.example/" }'),
    ['1:51: "https://[secret]@a.example/" cannot hold credentials; name them under vcs.credentials'],
  ],
  [
    'one begin, two bases',
    instead('{ "ssh://a.example/": "https://c/", "ssh://b.example/": "https://c/" }'),
    ['1:105: "https://c/" is replaced by two begins'],
  ],
  [
    'instead_of of a number',
    instead('{ "ssh://a.example/": 3 }'),
    ['1:71: routes.instead_of.ssh://a.example/ must be the begin of a URL, or a list of such'],
  ],
  ['a mapping', to('ssh://git@b.example/team/{1}.git'), []],
  ['no match', mapped('{ url: "https://b.example/x" }'), ['3:7: vcs.repositories.match is missing']],
  ['no URL', mapped('{ match: a.example }'), ['3:7: vcs.repositories.url is missing']],
  ['an empty list', to('https://b.example/x', ','), ['3:16: match holds no pattern']],
  [
    'a malformed pattern',
    to('https://b.example/x', 'a/['),
    ['3:16: malformed module pattern "a/[": the character class does not end'],
  ],
  [
    'an unknown placeholder',
    to('https://b.example/{2}'),
    ['3:36: {2} stands for nothing: "a.example/*" has one element with a glob'],
  ],
  [
    'a placeholder without a glob',
    to('https://b.example/{1}', 'a.example/*,b.example/x'),
    ['3:48: {1} stands for nothing: "b.example/x" has no element with a glob'],
  ],
  [
    'a placeholder of nothing',
    to('https://b.example/{name}'),
    ['3:36: "{name}" is no placeholder; they are {1}, {2} and so on'],
  ],
  [
    'a placeholder without an end',
    to('https://b.example/{1'),
    ['3:36: "{1" is no placeholder; they are {1}, {2} and so on'],
  ],
  [
    'file:',
    to('file:///srv/git/{1}'),
    ['3:36: the URL of a repository starts with https://, ssh:// or http://'],
  ],
  [
    'what a host offers to copy',
    to('git@git.corp.example:team/{1}.git'),
    [
      '3:36: the URL of a repository starts with https://, ssh:// or http://; write it as ssh://git@git.corp.example/team/{1}.git',
    ],
  ],
  ['ext:', to('ext::sh'), ['3:36: the URL of a repository starts with https://, ssh:// or http://']],
  ['a host alone', to('https://b.example/'), ['3:36: the URL names a host, but no repository']],
  ['a query', to('https://b.example/{1}?x'), ['3:36: the URL of a repository has no query and no fragment']],
  [
    'a password',
    to('https://u:hunter2@b.example/{1}'),
    ['3:36: the URL of a repository cannot hold credentials; name them under vcs.credentials'],
  ],
  ['a folder', into('go/{1}'), []],
  [
    'a folder above',
    into('../go'),
    ['3:75: must be a folder below the root of the repository, such as go/src'],
  ],
  [
    'an absolute folder',
    into('/go'),
    ['3:75: must be a folder below the root of the repository, such as go/src'],
  ],
  [
    'a folder like an option',
    into('-x'),
    ['3:75: must be a folder below the root of the repository, such as go/src'],
  ],
  [
    'never reached',
    mapped(
      '{ match: "a.example/*", url: https://b.example/x }',
      '{ match: a.example/b/c, url: https://c.example/x }',
    ),
    ['4:16: is never reached: the mappings before it match all of it'],
  ],
];

for (const [what, yaml, expected] of FAULTS)
  test(what, () => {
    const told = faults(() => load(yaml));
    assert.deepEqual(told, expected);
    assert.doesNotMatch(told.join(''), /hunter2/);
  });

test('a private pattern that leaves the name above it to others is warned of', () => {
  const rows: readonly (readonly [match: string, above: readonly string[]])[] = [
    ['corp.example/*', ['corp.example']],
    ['gitlab.example/a/*, corp.example/*', ['gitlab.example/a', 'corp.example']],
    ['corp.example/*,corp.example', []],
    ['corp.example/a/*,corp.example', []],
    ['*.corp.example', []],
    ['*/*', []],
    ['github.com/corp/*', []],
    ['github.com/corp/mono/*', ['github.com/corp/mono']],
  ];
  for (const [match, above] of rows) {
    const { warnings } = load(`routes: [{ match: "${match}", chain: direct, private: true }]\n`);
    assert.deepEqual(
      warnings.map((line) => /:1:19: the go command also asks for (\S+) itself/.exec(line)?.[1]),
      above,
      match,
    );
  }
  assert.deepEqual(load('routes: [{ match: "a.example/*", chain: direct }]\n').warnings, []);
});

const WHOLE = `sources:
  own: { url: https://own.example, private: true }
routes:
  - match: corp.example/*
    chain: own,direct
    private: true
    instead_of:
      "ssh://git@git.corp.example/": "https://git.corp.example/"
      "git@b.example:": [https://b.example/, http://b.example/]
vcs:
  repositories:
    - { match: corp.example/mono, url: https://git.corp.example/mono, subdirectory: go }
    - { match: "corp.example/*", url: "ssh://git@git.corp.example/{1}" }
`;

test('what is read, and printed so that it reads the same', () => {
  const loaded = load(WHOLE);
  for (const { config } of [loaded, load(printConfig(loaded.config, loaded.origins))]) {
    const [corp, rest] = config.routes;
    assert.equal(corp?.isPrivate, true);
    assert.equal(corp?.written, true);
    assert.deepEqual(
      [...(corp?.insteadOf ?? [])],
      [
        ['https://git.corp.example/', 'ssh://git@git.corp.example/'],
        ['https://b.example/', 'git@b.example:'],
        ['http://b.example/', 'git@b.example:'],
      ],
    );
    assert.equal(rest?.isPrivate, false);
    assert.equal(rest?.written, false);
    assert.equal(config.sources.get('own')?.isPrivate, true);
    assert.deepEqual(config.vcs.repositories, [
      { match: 'corp.example/mono', url: 'https://git.corp.example/mono', subdirectory: 'go' },
      { match: 'corp.example/*', url: 'ssh://git@git.corp.example/{1}', subdirectory: '' },
    ]);
  }
});
