import { Document, isScalar } from 'yaml';
import { effectiveValues, lastRouteIsChain } from './effective.ts';
import { pathKey } from './findings.ts';
import { leaves } from './origins.ts';
import type { Config, Origins } from './types.ts';

/**
 * The effective configuration as YAML, each value with a comment that says where it came from: `default`,
 * `file:line:column`, the variable or the flag. Secrets stand as `[secret]`; apart from those the text loads
 * to the same configuration.
 */
export function printConfig(config: Config, origins: Origins): string {
  const values = effectiveValues(config, lastRouteIsChain(config, origins));
  const document = new Document(values, { aliasDuplicateObjects: false });
  for (const { path } of leaves(values)) {
    const node = document.getIn(path, true);
    if (isScalar(node)) node.comment = ` ${origins.get(pathKey(path)) ?? 'default'}`;
  }
  return document.toString({ lineWidth: 0 });
}
