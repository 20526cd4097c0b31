import { ModgateError, toModgateError } from '../errors/index.ts';
import { type ModuleVersion, parseModulePath, parseVersion } from '../module/index.ts';

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
export function moduleVersion(module: string, version: string): ModuleVersion {
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
