/**
 * Escaped form of paths and versions, as in URLs and in the module cache: "!" and the lower-case letter for
 * every upper-case letter, "github.com/Azure" → "github.com/!azure" (module.EscapePath and its kin).
 */
import { invalidModule } from './faults.ts';
import { elementFault, type ModulePath, modulePathFault, parseModulePath } from './path.ts';

/** INVALID_MODULE for a path that did not come from parseModulePath and breaks its rules. */
export function escapePath(path: ModulePath): string {
  const fault = modulePathFault(path);
  if (fault !== undefined) throw invalidModule('malformed module path', path, fault);
  return withBangs(path);
}

/** INVALID_MODULE where the escaped form, or the path that it stands for, breaks the rules. */
export function unescapePath(escaped: string): ModulePath {
  const path = withoutBangs(escaped);
  if (path === undefined)
    throw invalidModule('invalid escaped module path', escaped, 'bad use of "!" or upper case');
  return parseModulePath(path);
}

/** Any version or query that is one file name without "!" and in ASCII; INVALID_MODULE otherwise. */
export function escapeVersion(v: string): string {
  const fault =
    elementFault(v, 'file') ?? (/[!\u0080-\u{10ffff}]/u.test(v) ? 'disallowed character' : undefined);
  if (fault !== undefined) throw invalidModule('invalid version', v, fault);
  return withBangs(v);
}

/** INVALID_MODULE where the escaped form, or the version or query that it stands for, breaks the rules. */
export function unescapeVersion(escaped: string): string {
  const v = withoutBangs(escaped);
  if (v === undefined)
    throw invalidModule('invalid escaped version', escaped, 'bad use of "!" or upper case');
  const fault = elementFault(v, 'file');
  if (fault !== undefined) throw invalidModule('invalid escaped version', v, fault);
  return v;
}

function withBangs(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}

/** Undefined for raw upper case, non-ASCII, and a "!" that no lower-case letter follows. */
function withoutBangs(escaped: string): string | undefined {
  if (!/^(?:[\0-\x20\x22-\x40\x5b-\x7f]|![a-z])*$/.test(escaped)) return undefined;
  return escaped.replace(/![a-z]/g, (pair) => pair.charAt(1).toUpperCase());
}
