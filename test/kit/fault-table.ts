/** Every way in which a source can be broken, and what modgate must answer then. */
import type { Fault } from './faults.ts';

export interface FaultCase {
  readonly name: string;
  readonly fault: Fault | 'refuse';
  /** HTTP status that callers get */
  readonly status: number;
  /** a pattern */
  readonly code: string;
  /** how it failed, in the text */
  readonly text: RegExp;
  readonly header?: readonly [string, RegExp];
}

const status = (number: number, rest: Omit<FaultCase, 'name' | 'fault'>): FaultCase => ({
  name: `status ${number}`,
  fault: { kind: 'status', status: number },
  ...rest,
});

/** Faults that a small answer (.info, .mod, list, @latest) shows before a byte of it is passed on. */
export const FAULT_CASES: readonly FaultCase[] = [
  {
    name: 'refuses connections',
    fault: 'refuse',
    status: 502,
    code: 'UPSTREAM_UNREACHABLE',
    text: /refused/i,
  },
  {
    name: 'hangs before headers',
    fault: { kind: 'hang' },
    status: 504,
    code: 'UPSTREAM_TIMEOUT',
    text: /first byte|answer|time/i,
  },
  {
    name: 'hangs in mid-body',
    fault: { kind: 'hang-body', after: 3 },
    status: 504,
    code: 'UPSTREAM_TIMEOUT',
    text: /idle|time|byte/i,
  },
  {
    name: 'resets before headers',
    fault: { kind: 'reset' },
    status: 502,
    code: 'UPSTREAM_UNREACHABLE',
    text: /reset|closed/i,
  },
  {
    name: 'resets in mid-body',
    fault: { kind: 'reset-body', after: 3 },
    status: 502,
    // Where data and RST come at once, libuv tells a reader of the end alone (uv__stream_io, "short-circuit").
    code: '(?:UPSTREAM_UNREACHABLE|UPSTREAM_BAD_ANSWER)',
    text: /reset|closed|ended/i,
  },
  {
    name: 'redirects in a loop',
    fault: { kind: 'redirect-loop' },
    status: 508,
    code: 'UPSTREAM_REDIRECT_LOOP',
    text: /redirect/i,
  },
  {
    name: 'ends before its length',
    fault: { kind: 'truncate', after: 3 },
    status: 502,
    code: 'UPSTREAM_BAD_ANSWER',
    text: /short|length|bytes|ended/i,
  },
  {
    name: 'promises a longer answer',
    fault: { kind: 'wrong-length', delta: 7 },
    status: 502,
    code: 'UPSTREAM_BAD_ANSWER',
    text: /short|length|bytes|ended/i,
  },
  {
    name: 'speaks no HTTP',
    fault: { kind: 'garbage' },
    status: 502,
    code: 'UPSTREAM_BAD_ANSWER',
    text: /HTTP/i,
  },
  status(401, { status: 502, code: 'UPSTREAM_DENIED', text: /401/ }),
  status(403, { status: 502, code: 'UPSTREAM_DENIED', text: /403/ }),
  {
    name: 'status 429 with Retry-After',
    fault: { kind: 'status', status: 429, headers: { 'retry-after': '17' } },
    status: 429,
    code: 'UPSTREAM_RATE_LIMITED',
    text: /429|rate/i,
    header: ['retry-after', /^1[67]$/],
  },
  status(400, { status: 502, code: 'UPSTREAM_STATUS', text: /400/ }),
  status(451, { status: 502, code: 'UPSTREAM_STATUS', text: /451/ }),
  status(500, { status: 502, code: 'UPSTREAM_STATUS', text: /500/ }),
  status(503, { status: 502, code: 'UPSTREAM_STATUS', text: /503/ }),
];

/** Answers with status 200 that are not what was asked for; by the file they are about. */
export const BAD_ANSWERS: readonly { readonly name: string; readonly file: string; readonly fault: Fault }[] =
  [
    {
      name: 'HTML for an .info',
      file: '@v/v1.0.0.info',
      fault: { kind: 'body', body: '<!doctype html><title>Sign in</title>', type: 'text/html' },
    },
    {
      name: 'another version in an .info',
      file: '@v/v1.0.0.info',
      fault: { kind: 'body', body: '{"Version":"v9.9.9"}' },
    },
    { name: 'half of an .info', file: '@v/v1.0.0.info', fault: { kind: 'body', body: '{"Version":"v1.0' } },
    { name: 'an .info without a version', file: '@v/v1.0.0.info', fault: { kind: 'body', body: '{}' } },
    {
      name: 'HTML for a .mod',
      file: '@v/v1.0.0.mod',
      fault: { kind: 'body', body: '<!doctype html><title>Sign in</title>', type: 'text/html' },
    },
    {
      name: 'HTML for a list',
      file: '@v/list',
      fault: { kind: 'body', body: '<!doctype html>\n<title>Sign in</title>\n', type: 'text/html' },
    },
    {
      name: 'HTML for @latest',
      file: '@latest',
      fault: { kind: 'body', body: '<!doctype html><title>Sign in</title>', type: 'text/html' },
    },
    {
      name: 'HTML for a branch',
      file: '@v/main.info',
      fault: { kind: 'body', body: '<!doctype html><title>Sign in</title>', type: 'text/html' },
    },
  ];
