import { readFileSync } from 'node:fs';

/** The version that package.json tells; "0.0.0" where it cannot be read. */
export function packageVersion(): string {
  try {
    const value: unknown = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    );
    if (
      typeof value === 'object' &&
      value !== null &&
      'version' in value &&
      typeof value.version === 'string'
    )
      return value.version;
  } catch {
    // An installation without its package.json still runs.
  }
  return '0.0.0';
}
