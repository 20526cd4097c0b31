import { ModgateError } from '../errors/index.ts';
import { checkInfo, checkMod, parseQueryInfo } from '../fetch/index.ts';
import { isCanonicalVersion } from '../module/index.ts';
import { isH1 } from '../modzip/index.ts';
import type { KeyParts } from '../store/index.ts';
import { readStone } from './stones.ts';
import { checkSumdbAnswer } from './sumdb-answers.ts';

/** For messages of readers that name a source. */
const STORE = 'the store';

/** Throws where the bytes cannot be such a file. A zip's rules are checked elsewhere. */
export function checkShape(parts: KeyParts, bytes: Buffer): void {
  switch (parts.kind) {
    case 'info':
      checkInfo(parts.m, bytes, STORE);
      return;
    case 'mod':
      checkMod(parts.m, bytes, STORE);
      return;
    case 'ziphash':
      if (!isH1(bytes.toString('latin1'))) throw wrong('it is no h1');
      return;
    case 'list':
    case 'named':
      if (!isList(bytes)) throw wrong('it is no list of versions');
      return;
    case 'latest':
    case 'query':
      parseQueryInfo(parts.path, parts.query === '' ? 'latest' : parts.query, bytes, STORE);
      return;
    case 'sumdb':
      checkSumdbAnswer(parts.endpoint, bytes, STORE);
      return;
    case 'deleted':
      if (readStone(bytes)?.version !== parts.of.version) throw wrong('it does not tell of a deletion');
      return;
    case 'published':
      if (!isMark(bytes, parts.of.version)) throw wrong('it does not tell of a publication');
      return;
    case 'zip':
    case 'other':
      return;
  }
}

function isList(bytes: Buffer): boolean {
  const text = bytes.toString('utf8');
  return text === '' || (text.endsWith('\n') && text.slice(0, -1).split('\n').every(isCanonicalVersion));
}

function isMark(bytes: Buffer, version: string): boolean {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && 'version' in value && value.version === version;
  } catch {
    return false;
  }
}

function wrong(why: string): ModgateError {
  return new ModgateError('STORE_FAILED', why);
}
