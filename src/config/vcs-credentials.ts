import { createPrivateKey, type KeyObject } from 'node:crypto';
import { type Context, readFileAt, readSecret } from './context.ts';
import { DEFAULTS } from './defaults.ts';
import type { Path } from './document.ts';
import { unknownHosts } from './known-hosts.ts';
import type { FileSecret } from './schema.ts';
import type { Secret } from './secret.ts';
import { netrcFile } from './sources.ts';
import { sshKeyFault } from './ssh-key.ts';
import { readUrl } from './urls.ts';
import type { FileVcsCredential } from './vcs-schema.ts';
import type { VcsCredential, VcsCredentialKind } from './vcs-types.ts';

const KINDS = ['basic', 'token', 'netrc', 'command', 'github_app', 'ssh'] as const;

/** @param patterns of `match`, with the host in lower case. One entry; undefined where it has no credentials, which has been told then. */
export function readCredential(
  raw: FileVcsCredential,
  patterns: readonly string[],
  path: Path,
  context: Context,
): VcsCredential | undefined {
  const { findings } = context;
  const given = KINDS.filter((kind) => raw[kind] !== undefined);
  if (given.length !== 1 && !findings.faulted(path)) {
    const what = given.length === 0 ? 'hold none' : `hold ${given.join(' and ')}`;
    findings.fault(path, `the credentials ${what}; they need exactly one of ${KINDS.join(', ')}`);
  }
  if (raw.username !== undefined && raw.token === undefined)
    findings.fault([...path, 'username'], 'username goes with token only');
  const how = readKind(raw, path, context);
  if (raw.ssh !== undefined && how !== undefined)
    tellUnknownHosts(raw.ssh, patterns, [...path, 'ssh'], context);
  return how === undefined ? undefined : { match: raw.match, insecure: raw.insecure ?? false, how };
}

/** ssh refuses a host whose key nobody wrote down. */
function tellUnknownHosts(
  { known_hosts: name }: NonNullable<FileVcsCredential['ssh']>,
  patterns: readonly string[],
  path: Path,
  context: Context,
): void {
  const here = [...path, 'known_hosts'];
  const text = readFileAt(name, here, context)?.text ?? '';
  for (const host of unknownHosts(text, patterns))
    context.findings.warn(here, `${name} has no entry for ${host}, so ssh will refuse it`);
}

function readKind(raw: FileVcsCredential, path: Path, context: Context): VcsCredentialKind | undefined {
  if (raw.basic !== undefined) {
    const { username, password } = raw.basic;
    return readPair('basic', username, password, [...path, 'basic'], 'password', context);
  }
  if (raw.token !== undefined) {
    return readPair('token', raw.username ?? DEFAULTS.vcs.token_user, raw.token, path, 'token', context);
  }
  if (raw.netrc !== undefined) {
    const file = raw.netrc === true ? undefined : netrcFile(raw.netrc, [...path, 'netrc'], context);
    return { kind: 'netrc', file };
  }
  if (raw.command !== undefined) return { kind: 'command', command: raw.command };
  if (raw.github_app !== undefined) return readApp(raw.github_app, [...path, 'github_app'], context);
  return raw.ssh === undefined ? undefined : readSsh(raw.ssh, [...path, 'ssh'], context);
}

function readPair(
  kind: 'basic' | 'token',
  username: string,
  raw: FileSecret,
  path: Path,
  key: string,
  context: Context,
): VcsCredentialKind | undefined {
  const { findings } = context;
  const password = readSecret(raw, [...path, key], context);
  if (username.includes(':')) findings.fault([...path, 'username'], 'a user name cannot hold a colon');
  // git hands them over line by line.
  if (hasControls(username))
    findings.fault([...path, 'username'], 'a user name cannot hold a control character');
  if (password === undefined) return undefined;
  if (hasControls(password.reveal()))
    findings.fault([...path, key], `the ${key} holds a line break or another control character`);
  return { kind, username, password };
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

function readApp(
  raw: NonNullable<FileVcsCredential['github_app']>,
  path: Path,
  context: Context,
): VcsCredentialKind | undefined {
  const { findings } = context;
  const key = readSecret(raw.key, [...path, 'key'], context);
  if (key !== undefined) checkAppKey(key, [...path, 'key'], context);
  const apiPath = [...path, 'api'];
  const api = readUrl(raw.api ?? DEFAULTS.vcs.api, apiPath, findings);
  if (api !== undefined && (api.kind === 'file' || !(api.secure || api.loopback)))
    findings.fault(apiPath, 'api needs an https:// URL; its answers hold tokens');
  if (api?.userInfo !== undefined) findings.fault(apiPath, 'the URL of an API cannot hold credentials');
  if (key === undefined || api === undefined) return undefined;
  return { kind: 'github_app', id: String(raw.id), key, installation: raw.installation, api: api.url };
}

function checkAppKey(key: Secret, path: Path, { findings }: Context): void {
  let read: KeyObject;
  try {
    read = createPrivateKey(key.reveal());
  } catch {
    findings.fault(path, 'the key of the app is no PEM private key, or one with a passphrase');
    return;
  }
  if (read.asymmetricKeyType !== 'rsa') findings.fault(path, 'the key of the app must be an RSA key');
}

function readSsh(
  raw: NonNullable<FileVcsCredential['ssh']>,
  path: Path,
  context: Context,
): VcsCredentialKind | undefined {
  const { findings } = context;
  const key = readFileAt(raw.key, [...path, 'key'], context);
  const hosts = readFileAt(raw.known_hosts, [...path, 'known_hosts'], context);
  if (key !== undefined) {
    const fault = sshKeyFault(key.text);
    if (fault !== undefined) findings.fault([...path, 'key'], `${raw.key} ${fault}`);
    else if (key.exposed)
      findings.fault([...path, 'key'], `${raw.key} can be used by others, so ssh refuses it; chmod 600 it`);
  }
  if (hosts !== undefined && !/^\s*[^#\s]/m.test(hosts.text))
    findings.fault([...path, 'known_hosts'], `${raw.known_hosts} names no host`);
  if (key === undefined || hosts === undefined) return undefined;
  for (const [name, { file }] of [
    ['key', key],
    ['known_hosts', hosts],
  ] as const) {
    // ssh reads each of these in the name of a file as something else.
    if (/["\\$%\p{Cc}]/u.test(file))
      findings.fault([...path, name], 'the path holds a character that ssh does not take: " \\ $ %');
  }
  return { kind: 'ssh', key: key.file, knownHosts: hosts.file, user: raw.user ?? DEFAULTS.vcs.user };
}
