import type { z } from 'zod';
import type { Path } from './document.ts';
import type { Findings } from './findings.ts';
import { configSchema, type FileConfig, fileSchema } from './schema.ts';
import { isRecord, type Raw } from './settings.ts';
import { didYouMean } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** Sections that may stand empty in YAML, everything below them commented out. */
const SECTIONS: ReadonlySet<string> = new Set([
  'sources',
  'routes',
  'publish',
  'sumdb',
  'cache',
  'limits',
  'log',
  'headers',
  'auth',
  'tls',
  'timeouts',
  'retry',
  'breaker',
  'vcs',
  'instead_of',
  'repositories',
  'credentials',
]);

/** Each round takes at least one value away; more rounds than levels of the schema are never needed. */
const MAX_ROUNDS = 12;

/**
 * Tells everything about the values that the schema does not allow, and returns what is left without them, so
 * that the faults between values can be told in the same run.
 */
export function checkShape(raw: unknown, findings: Findings): FileConfig {
  let value = withoutEmptySections(raw ?? {});
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const result = fileSchema.safeParse(value);
    if (result.success) return result.data;
    const { issues } = result.error;
    if (round === 0) for (const issue of issues) tell(issue, value, findings);
    value = prune(value, issues);
  }
  return {};
}

function withoutEmptySections(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const kept: Raw = {};
  for (const [key, child] of Object.entries(value)) {
    if (child === null && SECTIONS.has(key)) continue;
    kept[key] = withoutEmptySections(child);
  }
  return kept;
}

function tell(issue: Issue, raw: unknown, findings: Findings): void {
  const path = textPath(issue.path);
  // Nothing that stands in the place of a secret is repeated, not even a key.
  const secret = secretPath(path);
  if (secret !== undefined) {
    const what =
      at(raw, secret) === undefined
        ? 'is missing'
        : 'must be { env: NAME } or { file: path }, or the text itself';
    findings.fault(secret, `${secret.at(-1)} ${what}`);
    return;
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) {
        findings.fault(
          [...path, key],
          `unknown key ${JSON.stringify(key)}${didYouMean(key, knownKeys(path))}`,
          'key',
        );
      }
      return;
    case 'invalid_key':
      findings.fault(
        path,
        `${JSON.stringify(path.at(-1))} ${issue.issues[0]?.message ?? 'is no key'}`,
        'key',
      );
      return;
    case 'invalid_union': {
      const nested = issue.errors.find((branch) =>
        branch.every((one) => one.path.length > 0 || one.code === 'unrecognized_keys'),
      );
      if (nested === undefined) findings.fault(path, `${name(path)} ${issue.message}`);
      else for (const one of nested) tell({ ...one, path: [...path, ...one.path] }, raw, findings);
      return;
    }
    default:
      findings.fault(path, `${name(path)} ${describe(issue, at(raw, path))}`);
  }
}

/** The part of a path that leads to a secret, where it does. */
function secretPath(path: Path): Path | undefined {
  const source = path[0] === 'sources' && (path[2] === 'auth' || path[2] === 'proxy');
  const vcs = path[0] === 'vcs' && path[1] === 'credentials';
  if (!source && !vcs) return undefined;
  const app = vcs && path[3] === 'github_app';
  const names = app ? ['key'] : ['password', 'token'];
  const index = path.findIndex((step, i) => i > 2 && typeof step === 'string' && names.includes(step));
  return index < 0 ? undefined : path.slice(0, index + 1);
}

function describe(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return 'is missing';
      if (value === null) return 'has no value';
      return `must be ${KINDS[issue.expected] ?? issue.expected}, not ${kindOf(value)}`;
    case 'invalid_value':
      return `must be ${issue.values.join(', ')}${typeof value === 'string' ? didYouMean(value, issue.values.map(String)) : ''}`;
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'custom':
    case 'invalid_format':
      return issue.message;
    default:
      return 'is not allowed';
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a whole number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map of keys',
  record: 'a map of keys',
  array: 'a list',
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'a map';
  return typeof value === 'string'
    ? 'text'
    : typeof value === 'boolean'
      ? String(value)
      : Number.isInteger(value)
        ? 'a whole number'
        : 'a fraction';
}

function name(path: Path): string {
  const named = path.filter((step) => typeof step === 'string');
  return named.length === 0 ? 'the configuration' : named.join('.');
}

/** The schema has no symbols for keys. */
function textPath(path: readonly PropertyKey[]): (string | number)[] {
  return path.map((step) => (typeof step === 'symbol' ? String(step) : step));
}

function at(raw: unknown, path: Path): unknown {
  let value = raw;
  for (const step of path) {
    if (Array.isArray(value)) value = value[Number(step)];
    else if (isRecord(value) && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return value;
}

/** The keys that the schema knows for the map at a path. */
function knownKeys(path: Path): string[] {
  let schema: unknown = configSchema();
  for (const step of path) {
    if (!isRecord(schema)) return [];
    const map = isRecord(schema.properties) ? schema : objectBranch(schema);
    const properties = isRecord(map.properties) ? map.properties : {};
    schema = typeof step === 'number' ? map.items : (properties[step] ?? map.additionalProperties);
  }
  if (!isRecord(schema)) return [];
  const { properties } = objectBranch(schema);
  return isRecord(properties) ? Object.keys(properties) : [];
}

function objectBranch(schema: Raw): Raw {
  const branches: readonly unknown[] = Array.isArray(schema.anyOf) ? schema.anyOf : [];
  return branches.filter(isRecord).find((branch) => branch.type === 'object') ?? schema;
}

/** A copy without the values that the issues are about; elements of lists keep their numbers. */
function prune(raw: unknown, issues: readonly Issue[]): unknown {
  if (!isRecord(raw)) return {};
  const copy: Raw = structuredClone(raw);
  for (const issue of issues) {
    const path = textPath(issue.path);
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) remove(copy, [...path, key]);
    else if (path[0] === 'sources' && path[2] === 'url' && path.length === 3) standIn(copy, path);
    else remove(copy, path);
  }
  return copy;
}

/** A source whose URL is missing or no text stays, so that what else is wrong with it is told in the same run. */
function standIn(root: Raw, path: Path): void {
  const source = at(root, path.slice(0, -1));
  if (isRecord(source)) source.url = 'https://unknown.invalid';
}

function remove(root: Raw, path: Path): void {
  const last = path.at(-1);
  if (last === undefined) return;
  const parentPath = path.slice(0, -1);
  const parent = at(root, parentPath);
  if (Array.isArray(parent)) parent[Number(last)] = undefined;
  else if (isRecord(parent) && Object.hasOwn(parent, last)) delete parent[last];
  // What is missing cannot be taken away; then whoever misses it is, unless it is gone already.
  else if (isRecord(parent)) remove(root, parentPath);
}
