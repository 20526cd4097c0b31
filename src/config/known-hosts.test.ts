import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unknownHosts } from './known-hosts.ts';

const KEY = 'ssh-ed25519 AAAA';
const ROWS: readonly (readonly [file: string, patterns: string, unknown: string])[] = [
  [`git.corp.example ${KEY}`, 'git.corp.example', ''],
  [`git.corp.example ${KEY}`, 'git.corp.example:22/team', ''],
  [`GIT.corp.example,10.0.0.1 ${KEY} a comment`, 'git.corp.example/team', ''],
  [`other.example ${KEY}`, 'git.corp.example', 'git.corp.example'],
  [`[git.corp.example]:2222 ${KEY}`, 'git.corp.example:2222', ''],
  [`git.corp.example ${KEY}`, 'git.corp.example:2222', ''],
  [`[git.corp.example]:2222 ${KEY}`, 'git.corp.example', 'git.corp.example'],
  [`[git.corp.example]:2222 ${KEY}`, 'git.corp.example:2223', '[git.corp.example]:2223'],
  [`*.corp.example ${KEY}`, 'git.corp.example', ''],
  [`*.corp.example,!git.corp.example ${KEY}`, 'git.corp.example', 'git.corp.example'],
  [`git.corp.exampl? ${KEY}`, 'git.corp.example', ''],
  [`@cert-authority *.corp.example ${KEY}`, 'git.corp.example', ''],
  [`@revoked git.corp.example ${KEY}`, 'git.corp.example', 'git.corp.example'],
  [`# git.corp.example ${KEY}\n\n`, 'git.corp.example', 'git.corp.example'],
  [`gitxcorpxexample ${KEY}`, 'git.corp.example', 'git.corp.example'],
  [`a.example ${KEY}\nb.example ${KEY}`, 'a.example b.example c.example', 'c.example'],
  // These cannot be told.
  [`|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ${KEY}`, 'git.corp.example', ''],
  [`other.example ${KEY}`, '*.corp.example *:* [::1]:22', ''],
];

describe('a known_hosts file', () => {
  for (const [file, patterns, unknown] of ROWS)
    it(`${JSON.stringify(file)}, for ${patterns}: ${unknown === '' ? 'has all that can be told' : `lacks ${unknown}`}`, () => {
      assert.equal(unknownHosts(file, patterns.split(' ')).join(' '), unknown);
    });
});
