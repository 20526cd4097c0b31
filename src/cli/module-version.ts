import { ModgateError, toModgateError } from '../errors/index.ts';
import { isPseudoVersion, type ModuleVersion, parseModulePath, parseVersion } from '../module/index.ts';

/** `module@version` as a command is given it. Throws USAGE. */
export function readModuleVersion(text: string): ModuleVersion {
  const at = text.lastIndexOf('@');
  if (at <= 0)
    throw new ModgateError('USAGE', `${JSON.stringify(text)} names no version`, {
      next: 'Write MODULE@VERSION, for example example.com/lib@v1.2.3.',
    });
  return moduleVersion(text.slice(0, at), text.slice(at + 1));
}

/** Throws USAGE for what no version of a module can be. */
function moduleVersion(module: string, version: string): ModuleVersion {
  try {
    const path = parseModulePath(module);
    return { path, version: parseVersion(path, version) };
  } catch (thrown) {
    throw new ModgateError('USAGE', toModgateError(thrown).message, {
      cause: thrown,
      next: 'Name a module path and a version that fits it, such as v1.2.3 or v1.3.0-rc.1.',
    });
  }
}

/** As `moduleVersion`, for a version that is to be published: as the gateway will, it refuses what never can be. */
export function publishableVersion(module: string, version: string): ModuleVersion {
  const m = moduleVersion(module, version);
  const why = isPseudoVersion(m.version)
    ? 'is a pseudo-version: it stands for a commit'
    : m.version.endsWith('+incompatible')
      ? 'is of a module without go.mod, and what is published has one'
      : undefined;
  if (why === undefined) return m;
  throw new ModgateError('USAGE', `${m.version} ${why}`, {
    next: 'Publish it with a version of its own, such as v1.2.3 or v1.2.3-rc.1; from v2 on the module path ends in /v2.',
  });
}
