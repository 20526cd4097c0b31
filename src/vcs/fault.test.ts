import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Code, explain } from '../errors/index.ts';
import { gitFault, tooLarge } from './fault.ts';
import type { Ending, GitResult } from './git.ts';

const URL = 'https://git.corp.example/team/lib.git';

function result(stderr: string, ending: Ending = 'exit'): GitResult {
  return { code: 128, ending, stdout: Buffer.alloc(0), stderr, reason: undefined };
}

/** As git 2.39, curl and OpenSSH write it. */
const TEXTS: readonly (readonly [code: Code, stderr: string])[] = [
  ['NOT_FOUND', "fatal: repository 'https://git.corp.example/team/lib.git/' not found"],
  ['NOT_FOUND', "remote: Repository not found.\nfatal: repository 'https://github.com/a/b/' not found"],
  [
    'NOT_FOUND',
    'ERROR: Repository not found.\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.',
  ],
  [
    'NOT_FOUND',
    "fatal: '/srv/none.git' does not appear to be a git repository\nfatal: Could not read from remote repository.",
  ],
  [
    'NOT_FOUND',
    "fatal: unable to access 'https://git.corp.example/team/lib.git/': The requested URL returned error: 410",
  ],
  ['UPSTREAM_DENIED', "fatal: could not read Username for 'https://github.com': terminal prompts disabled"],
  [
    'UPSTREAM_DENIED',
    "remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://gitlab.example/a.git/'",
  ],
  [
    'UPSTREAM_DENIED',
    "remote: Invalid username or password.\nfatal: Authentication failed for 'https://github.com/a/b/'",
  ],
  [
    'UPSTREAM_DENIED',
    "fatal: unable to access 'https://git.corp.example/team/lib.git/': The requested URL returned error: 403",
  ],
  [
    'UPSTREAM_DENIED',
    'git@git.corp.example: Permission denied (publickey).\r\nfatal: Could not read from remote repository.',
  ],
  [
    'UPSTREAM_DENIED',
    "remote: The project you were looking for could not be found or you don't have permission to view it.\nfatal: Could not read from remote repository.",
  ],
  [
    'UPSTREAM_TLS',
    'No ED25519 host key is known for git.corp.example and you have requested strict checking.\nHost key verification failed.\nfatal: Could not read from remote repository.',
  ],
  [
    'UPSTREAM_TLS',
    '@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.\nfatal: Could not read from remote repository.',
  ],
  [
    'UPSTREAM_TLS',
    "fatal: unable to access 'https://git.corp.example/': server certificate verification failed. CAfile: none CRLfile: none",
  ],
  [
    'UPSTREAM_TLS',
    "fatal: unable to access 'https://git.corp.example/': SSL certificate problem: self-signed certificate",
  ],
  [
    'UPSTREAM_TLS',
    "fatal: unable to access 'https://git.corp.example/': SSL: no alternative certificate subject name matches target host name 'x'",
  ],
  [
    'UPSTREAM_TLS',
    "fatal: unable to access 'https://127.0.0.1:1/': gnutls_handshake() failed: An unexpected TLS packet was received.",
  ],
  [
    'UPSTREAM_TLS',
    "fatal: unable to access 'https://127.0.0.1:1/': error:0A00010B:SSL routines::wrong version number",
  ],
  [
    'UPSTREAM_UNREACHABLE',
    "fatal: unable to access 'https://nope.example/': Could not resolve host: nope.example",
  ],
  [
    'UPSTREAM_UNREACHABLE',
    'ssh: Could not resolve hostname nope.example: Name or service not known\nfatal: Could not read from remote repository.',
  ],
  [
    'UPSTREAM_UNREACHABLE',
    "fatal: unable to access 'http://127.0.0.1:1/': Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server",
  ],
  [
    'UPSTREAM_UNREACHABLE',
    'ssh: connect to host git.corp.example port 22: Connection refused\nfatal: Could not read from remote repository.',
  ],
  [
    'UPSTREAM_UNREACHABLE',
    'error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output',
  ],
  [
    'UPSTREAM_UNREACHABLE',
    'error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly: CANCEL (err 8)',
  ],
  [
    'UPSTREAM_UNREACHABLE',
    'kex_exchange_identification: Connection closed by remote host\nfatal: Could not read from remote repository.',
  ],
  [
    'UPSTREAM_TIMEOUT',
    "fatal: unable to access 'https://git.corp.example/': Failed to connect to git.corp.example port 443: Connection timed out",
  ],
  [
    'UPSTREAM_TIMEOUT',
    'ssh: connect to host git.corp.example port 22: Connection timed out\nfatal: Could not read from remote repository.',
  ],
  [
    'UPSTREAM_STATUS',
    "fatal: unable to access 'https://git.corp.example/': The requested URL returned error: 502",
  ],
  [
    'UPSTREAM_STATUS',
    'error: RPC failed; HTTP 503 curl 22 The requested URL returned error: 503\nfatal: expected flush after ref listing',
  ],
  [
    'UPSTREAM_STATUS',
    "error: RPC failed; HTTP 404 curl 22 The requested URL returned error: 404\nfatal: expected 'packfile'",
  ],
  [
    'UPSTREAM_RATE_LIMITED',
    "fatal: unable to access 'https://git.corp.example/': The requested URL returned error: 429",
  ],
  [
    'VCS_REFUSED',
    "fatal: unable to access 'http://127.0.0.1:1/lib.git/': The requested URL returned error: 302",
  ],
  ['VCS_REFUSED', "fatal: transport 'file' not allowed"],
  [
    'UPSTREAM_BAD_ANSWER',
    'fatal: https://git.corp.example/lib.git/info/refs not valid: is this a git repository?',
  ],
  [
    'UPSTREAM_BAD_ANSWER',
    'fatal: remote-curl: bad line length character: jjk;\nfetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF',
  ],
  [
    'UPSTREAM_BAD_ANSWER',
    'error: inflate: data stream error (incorrect data check)\nfatal: pack has bad object at offset 12: inflate returned -3\nfatal: fetch-pack: invalid index-pack output',
  ],
  [
    'UPSTREAM_BAD_ANSWER',
    'error: inflate: data stream error (invalid stored block lengths)\nfatal: serious inflate inconsistency\nfetch-pack: unexpected disconnect while reading sideband packet',
  ],
  [
    'UPSTREAM_BAD_ANSWER',
    'fatal: pack signature mismatch\nfetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF',
  ],
  [
    'UPSTREAM_BAD_ANSWER',
    'fatal: bad object 1f0c\nerror: https://git.corp.example/lib.git did not send all necessary objects',
  ],
  ['UPSTREAM_BAD_ANSWER', 'fatal: remote error: upload-pack: not our ref 1234'],
  [
    'UPSTREAM_UNREACHABLE',
    "fatal: unable to access 'https://git.corp.example/checksum/inflate.git/': Failed to connect to corrupt.example port 443 after 1 ms: Couldn't connect to server",
  ],
  ['UPSTREAM_UNREACHABLE', 'ssh: connect to host corrupt.example port 22: Connection refused'],
  [
    'UPSTREAM_TIMEOUT',
    'From https://git.corp.example/lib\n * [new branch]      inflate    -> inflate\n   1f0c..2f0c  checksum   -> checksum\nerror: Operation timed out',
  ],
  ['VCS_FAILED', 'error: unable to write file ./objects/pack/x: Permission denied'],
  [
    'UPSTREAM_UNREACHABLE',
    'remote: error: unable to write file: No space left on device\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output',
  ],
  ['VCS_FAILED', 'fatal: remote error: No space left on device'],
  ['DISK_FULL', 'fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output'],
  ['VCS_UNSUPPORTED', 'fatal: dumb http transport does not support shallow capabilities'],
  ['VCS_FAILED', 'fatal: something that nobody has ever seen'],
  ['VCS_FAILED', ''],
];

describe("git's failures", () => {
  for (const [code, stderr] of TEXTS) {
    it(`${code}: ${stderr.split('\n')[0]}`, () => {
      const fault = gitFault(URL, result(stderr));
      assert.equal(fault.code, code, fault.message);
      assert.match(fault.message, /^repository https:\/\/git\.corp\.example\/team\/lib\.git: /);
      assert.ok((fault.next ?? '').length > 10);
    });
  }

  const ENDINGS: readonly (readonly [Ending, Code, RegExp])[] = [
    ['idle', 'UPSTREAM_TIMEOUT', /no byte within 60 s/],
    ['total', 'UPSTREAM_TIMEOUT', /not done within 10 s/],
    ['limit', 'REPOSITORY_TOO_LARGE', /longer than modgate reads/],
  ];
  for (const [ending, code, says] of ENDINGS) {
    it(`our own end (${ending}) outranks what git said last`, () => {
      const timeouts = { idle: 60_000, total: 10_000 };
      const fault = gitFault(URL, result("fatal: repository 'x' not found", ending), { timeouts });
      assert.equal(fault.code, code);
      assert.match(fault.message, says);
    });
  }

  const SSH: readonly (readonly [stderr: string, says: RegExp, next: RegExp])[] = [
    [
      'No ED25519 host key is known for [git.corp.example]:2222 and you have requested strict checking.\r\nHost key verification failed.',
      /known_hosts has no key of its host and port\ngit says: No ED25519 host key is known for \[git\.corp\.example\]:2222/,
      /ssh-keyscan/,
    ],
    [
      '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.',
      /its SSH host key is not the pinned one/,
      /known_hosts/,
    ],
    [
      'No user exists for uid 65532\r\nfatal: Could not read from remote repository.',
      /ssh does not run: the user .* has no name on this machine\ngit says: No user exists for uid 65532/,
      /\/etc\/passwd/,
    ],
  ];
  for (const [stderr, says, next] of SSH)
    it(`of ssh, by its own words: ${stderr.split('\r')[0]}`, () => {
      const fault = gitFault(URL, result(stderr));
      assert.match(fault.message, says);
      assert.match(fault.next ?? '', next);
    });

  it('says why there are no credentials where an entry has none to give', () => {
    const stderr = "fatal: could not read Username for 'https://github.com': terminal prompts disabled";
    const lack = { why: 'the credential command x printed nothing', next: 'run x by hand' };
    const fault = gitFault(URL, result(stderr), { lack });
    assert.match(fault.message, /: the host wants credentials; the credential command x printed nothing\n/);
    assert.equal(fault.next, 'run x by hand');
  });

  it('a copy that is too large: the text names the bound', () => {
    for (const [bytes, text] of [
      [10 << 20, '10 MiB'],
      [4 * 2 ** 30, '4 GiB'],
      [1_500_000, '1.43 MiB'],
      [100, '100 bytes'],
    ] as const)
      assert.ok(tooLarge(URL, bytes).message.endsWith(`larger than ${text}, the bound of vcs.repository`));
  });

  it('a list that is too long: the next step names no setting, for none raises that bound', () => {
    assert.doesNotMatch(gitFault(URL, result('', 'limit')).next ?? '', /vcs\./);
  });

  it('a failure of the remote is never taken for damage of the copy here', () => {
    const damage = 'error: object file ./objects/aa/bb is empty';
    assert.equal(gitFault(URL, result(damage)).remedy, 'copy');
    for (const theirs of [`remote: ${damage}`, `fatal: remote error: ${damage}`]) {
      assert.notEqual(gitFault(URL, result(theirs)).remedy, 'copy', theirs);
    }
  });

  it('no secret and no user info is told, whatever the remote writes', () => {
    const stderr =
      "remote: token is s3cret\nfatal: unable to access 'https://me:s3cret@git.corp.example/': weird s3cret";
    const fault = gitFault('https://me:s3cret@git.corp.example/x', result(stderr), {
      secrets: ['s3cret', ''],
    });
    assert.doesNotMatch(fault.message, /s3cret|me:/);
  });

  it('any text gives at most 8 plain lines', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (stderr) => {
        const text = explain(gitFault(URL, result(stderr)));
        assert.ok(text.trimEnd().split('\n').length <= 8);
        assert.match(text, /^[\x20-\x7e\n]*$/);
      }),
    );
  });
});
