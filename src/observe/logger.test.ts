import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { createLogger, type Logger, lineWriter } from './logger.ts';

function capture(
  options: { format?: 'auto' | 'json' | 'pretty'; level?: string; tty?: boolean; noColor?: boolean } = {},
) {
  const lines: string[] = [];
  const logger = createLogger({
    level: options.level ?? 'info',
    format: options.format ?? 'json',
    destination: { write: (line) => lines.push(line), isTTY: options.tty ?? false },
    env: options.noColor === true ? { NO_COLOR: '1' } : {},
  });
  return { lines, logger };
}

test('a line is JSON with the level as text and an ISO time', () => {
  const { lines, logger } = capture();
  logger.warn({ route: 'list', ms: 3 }, 'served');
  const line: unknown = JSON.parse(lines[0] ?? '');
  assert.ok(typeof line === 'object' && line !== null && 'time' in line && typeof line.time === 'string');
  assert.equal(new Date(line.time).toISOString(), line.time);
  assert.deepEqual({ ...line, time: '' }, { level: 'warn', time: '', route: 'list', ms: 3, msg: 'served' });
});

test('levels below the chosen one are left out, unknown levels refused', () => {
  const { lines, logger } = capture({ level: 'error' });
  logger.warn('quiet');
  logger.error('loud');
  assert.equal(lines.length, 1);
  assert.throws(() => capture({ level: 'verbose' }), { code: 'CONFIG_INVALID' });
});

const cause = new ModgateError('UPSTREAM_UNREACHABLE', 'refused', {
  source: 'corp',
  cause: Object.assign(new Error('connect to https://u:hunter2@corp.example'), { code: 'ECONNREFUSED' }),
});
const failure = new ModgateError('OVERLOADED', 'too many', { cause });
const failureFields = {
  code: 'OVERLOADED',
  message: 'too many',
  cause: {
    code: 'UPSTREAM_UNREACHABLE',
    message: 'refused',
    source: 'corp',
    cause: { code: 'ECONNREFUSED', message: 'connect to https://[redacted]@corp.example' },
  },
};

const circular: Record<string, unknown> = { token: 'hunter2' };
circular.self = circular;

const FIELDS: [what: string, write: (logger: Logger) => void, expected: Record<string, unknown>][] = [
  ['an error alone', (l) => l.info(failure), { err: failureFields, msg: 'too many' }],
  ['an error under err', (l) => l.info({ err: failure }, 'm'), { err: failureFields, msg: 'm' }],
  [
    'an error under another key',
    (l) => l.info({ reason: failure }, 'm'),
    { reason: failureFields, msg: 'm' },
  ],
  [
    'an error of a child logger',
    (l) => l.child({ err: failure }).info('m'),
    { err: failureFields, msg: 'm' },
  ],
  ['a thrown string', (l) => l.info({ err: 'boom' }, 'm'), { err: 'boom', msg: 'm' }],
  ['a password', (l) => l.info({ password: 'hunter2' }, 'm'), { password: '[redacted]', msg: 'm' }],
  [
    'headers',
    (l) => l.info({ headers: { Authorization: 'hunter2', 'Set-Cookie': ['hunter2'], Accept: '*' } }, 'm'),
    { headers: { Authorization: '[redacted]', 'Set-Cookie': '[redacted]', Accept: '*' }, msg: 'm' },
  ],
  [
    'a list',
    (l) => l.info({ a: [{ token: 'hunter2' }, 1] }, 'm'),
    { a: [{ token: '[redacted]' }, 1], msg: 'm' },
  ],
  ['a child', (l) => l.child({ token: 'hunter2' }).info('m'), { token: '[redacted]', msg: 'm' }],
  [
    'headers of a child',
    (l) => l.child({ headers: { cookie: 'hunter2' } }).info('m'),
    { headers: { cookie: '[redacted]' }, msg: 'm' },
  ],
  ['a count of tokens stays', (l) => l.info({ tokens: 3 }, 'm'), { tokens: 3, msg: 'm' }],
  ['a date stays', (l) => l.info({ at: new Date(0) }, 'm'), { at: '1970-01-01T00:00:00.000Z', msg: 'm' }],
];

for (const [what, write, expected] of FIELDS) {
  test(`fields: ${what}`, () => {
    const { lines, logger } = capture();
    write(logger);
    assert.doesNotMatch(lines.join(''), /hunter2/);
    const line: unknown = JSON.parse(lines[0] ?? '');
    assert.ok(typeof line === 'object' && line !== null);
    assert.deepEqual({ ...line, level: '', time: '' }, { level: '', time: '', ...expected });
  });
}

test('a circular value is cut off and leaks nothing', () => {
  const { lines, logger } = capture();
  logger.info({ circular }, 'm');
  assert.match(lines[0] ?? '', /\[deep\]/);
  assert.doesNotMatch(lines[0] ?? '', /hunter2/);
});

test('an error without a code keeps its stack', () => {
  const { lines, logger } = capture();
  logger.error(new TypeError('x is not a function'));
  assert.match(lines[0] ?? '', /"stack":"TypeError: x is not a function\\n/);
});

const PRETTY: [what: string, options: Parameters<typeof capture>[0], expected: RegExp][] = [
  ['auto on a pipe', { format: 'auto' }, /^\{"level":"info"/],
  ['auto on a terminal', { format: 'auto', tty: true }, /^~\[2m\d\d:\d\d:\d\d\.\d{3}~\[0m ~\[32mINFO /],
  [
    'NO_COLOR',
    { format: 'auto', tty: true, noColor: true },
    /^[\d:.]{12} INFO {2}hello \\u\{1b\}\[31m n=1 s=a text="two words" o=\{"a":1\}\n$/,
  ],
  ['pretty on a pipe has no colour', { format: 'pretty' }, /^[\d:.]{12} INFO {2}hello/],
  ['json on a terminal', { format: 'json', tty: true }, /^\{"level":"info"/],
];

for (const [what, options, expected] of PRETTY) {
  test(`pretty: ${what}`, () => {
    const { lines, logger } = capture(options);
    logger.info({ n: 1, s: 'a', text: 'two words', o: { a: 1 } }, 'hello \u001b[31m');
    assert.match((lines[0] ?? '').replaceAll('\u001b', '~'), expected);
  });
}

test('pretty: no control character of a value reaches the terminal', () => {
  const { lines, logger } = capture({ format: 'pretty' });
  logger.info({ 'k\u009b': 'a\u009b2J', ua: '\u202egnp', list: ['\u0007'] }, 'm\r\n');
  assert.equal((lines[0] ?? '').match(/\p{C}/gu)?.join(''), '\n');
});

const LOGGER = JSON.stringify(new URL('./logger.js', import.meta.url).href);
const ENDINGS: [what: string, code: string, last: string, exit: number][] = [
  ['process.exit', 'process.exit(3)', '"n":199', 3],
  ['an uncaught error', 'throw new Error("x")', '"n":199', 1],
  ['the end of the program', '', '"n":199', 0],
  [
    'fatal and a kill',
    'log.fatal("dead"); process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000)',
    '"msg":"dead"',
    -1,
  ],
];

for (const [what, code, last, exit] of ENDINGS) {
  test(`lines to stderr survive ${what}`, () => {
    const program = `import { createLogger } from ${LOGGER};
      const log = createLogger({ level: 'info', format: 'json' });
      for (let n = 0; n < 200; n++) log.info({ n, pad: 'x'.repeat(500) }, 'line');
      ${code}`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    assert.equal(run.stdout, '');
    assert.equal(run.status ?? -1, exit);
    const lines = run.stderr.split('\n').filter((line) => line.startsWith('{"level"'));
    assert.ok(lines.length >= 200, `${lines.length} lines`);
    assert.ok(lines.at(-1)?.includes(last), lines.at(-1));
  });
}

test('finished lines go where the logger writes, in its format, unless its level leaves them out', () => {
  const two =
    '{"level":"info","time":"2026-01-02T03:04:05.678Z","msg":"one"}\n{"level":"info","time":"2026-01-02T03:04:05.678Z","msg":"two"}\n';
  const json = capture();
  lineWriter(json.logger)?.(two);
  assert.equal(json.lines.join(''), two);
  const pretty = capture({ format: 'pretty' });
  lineWriter(pretty.logger)?.(two);
  assert.equal(pretty.lines.length, 2);
  assert.match(pretty.lines[1] ?? '', /INFO {2}two/);
  assert.equal(lineWriter(capture({ level: 'warn' }).logger), undefined);
});
