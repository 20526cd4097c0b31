/**
 * Readers of what an origin answers. Every line here reads bytes that a foreign server controls: sizes are
 * bounded before they come here, and nothing is believed that the protocol does not allow.
 */
import { ModgateError } from '../errors/index.ts';
import type { ModulePath, ModuleVersion, Version } from '../module/index.ts';
import {
  compareVersions,
  isCanonicalVersion,
  isPseudoVersion,
  modulePathOf,
  parseVersion,
} from '../module/index.ts';
import type { VersionInfo } from './source.ts';

/** bytes of an `.info`; real ones have a few hundred */
export const MAX_INFO_BYTES = 1 << 20;

/**
 * The versions that a list names: the first field of each line, if it is a canonical version. Pseudo-versions and
 * times are left out, since each would cost the go command an extra `.info` (cmd/go modload/query.go queryProxy).
 */
export function parseList(path: ModulePath, body: Buffer, source: string): Version[] {
  const text = body.toString('utf8');
  refusePage(text, source, `${path}/@v/list`);
  const versions = new Set<Version>();
  for (const line of text.split('\n')) {
    const field = line.trimStart().split(/\s/, 1)[0] ?? '';
    if (isCanonicalVersion(field) && !isPseudoVersion(field) && fits(path, field)) versions.add(field);
  }
  return [...versions].sort(compareVersions);
}

function fits(path: ModulePath, version: string): boolean {
  try {
    parseVersion(path, version);
    return true;
  } catch {
    return false;
  }
}

/** The answer to a query; the version in it may be any canonical one of the module. */
export function parseQueryInfo(path: ModulePath, query: string, body: Buffer, source: string): VersionInfo {
  const named = versionIn(body, source, `${path}@${query}`);
  try {
    return { version: parseVersion(path, named), bytes: body };
  } catch (cause) {
    throw badAnswer(
      source,
      `the answer for ${path}@${query} names the version ${show(named)}, which the module cannot have`,
      cause,
    );
  }
}

/** Holds an `.info` to the version that was asked for. */
export function checkInfo(m: ModuleVersion, body: Buffer, source: string): void {
  const named = versionIn(body, source, `${m.path}@${m.version}`);
  if (named === m.version) return;
  throw badAnswer(source, `the .info of ${m.path}@${m.version} names another version: ${show(named)}`);
}

/** Holds a `.mod` to being a text that could be a go.mod, not a web page. */
export function checkMod(m: ModuleVersion, body: Buffer, source: string): void {
  refusePage(body.subarray(0, 1024).toString('utf8'), source, `the .mod of ${m.path}@${m.version}`);
  if (modulePathOf(body.toString('utf8')) === undefined)
    throw badAnswer(source, `the .mod of ${m.path}@${m.version} has no module line`);
  if (body.includes(0)) throw badAnswer(source, `the .mod of ${m.path}@${m.version} holds a zero byte`);
}

function versionIn(body: Buffer, source: string, what: string): string {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    refusePage(body.toString('utf8'), source, what);
    throw badAnswer(source, `the .info for ${what} is not JSON`, cause);
  }
  if (typeof value === 'object' && value !== null && 'Version' in value && typeof value.Version === 'string')
    return value.Version;
  throw badAnswer(source, `the .info for ${what} has no "Version"`);
}

/** A login page or a captive portal answers 200 with HTML to everything. */
function refusePage(text: string, source: string, what: string): void {
  if (!/^\s*<(!doctype|html|head|body|\?xml)/i.test(text)) return;
  throw badAnswer(source, `${what} is a web page, not a module file`);
}

function badAnswer(source: string, what: string, cause?: unknown): ModgateError {
  return new ModgateError('UPSTREAM_BAD_ANSWER', `source "${source}": ${what}`, {
    cause,
    source,
    next: 'see what that address answers; a login page or a portal in between is the usual reason',
  });
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
