import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAnswer } from './command-issuer.ts';
import { installationOf, tokenOf } from './github-app.ts';

const RUNS = { numRuns: 1000 * Number(process.env.MODGATE_TEST_FUZZ ?? 1) };

test('fuzz: what a credential command says is a pair of one line each, or none', () => {
  const key = fc.constantFrom('username', 'password', 'password_expiry_utc', 'quit', '', 'x');
  const value = fc.oneof(
    fc.constantFrom('1', 'a\0b', 'a\rb', '99999999999999999999', '-1', 'é'),
    fc.string(),
  );
  const line = fc.tuple(key, fc.constantFrom('=', '', '=='), value).map((parts) => parts.join(''));
  const text = fc.array(line, { maxLength: 6 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (one) => {
      const answer = parseAnswer(one);
      if (answer === undefined) return;
      const { pair, expiry } = answer;
      assert.notEqual(pair.password, '');
      assert.doesNotMatch(pair.username + pair.password, /\p{Cc}/u);
      assert.ok(expiry === undefined || Number.isSafeInteger(expiry));
    }),
    RUNS,
  );
});

test('fuzz: what an API says is a number, a token that a header can hold, or nothing', () => {
  const json = fc
    .record(
      {
        id: fc.jsonValue(),
        token: fc.oneof(fc.string(), fc.jsonValue()),
        expires_at: fc.oneof(fc.constant('2030-01-01T00:00:00Z'), fc.jsonValue()),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value));
  fc.assert(
    fc.property(fc.oneof(json, fc.json(), fc.string()), (text) => {
      const id = installationOf(text);
      assert.ok(id === undefined || (Number.isSafeInteger(id) && id > 0));
      const got = tokenOf(text);
      if (got === undefined) return;
      assert.match(got.token, /^[\x21-\x7e]+$/);
      assert.ok(Number.isFinite(got.expires));
    }),
    RUNS,
  );
});

test('what they look like', () => {
  assert.deepEqual(parseAnswer('username=a\npassword=b=c\n\npassword=d\n'), {
    pair: { username: 'a', password: 'b=c' },
    expiry: undefined,
  });
  assert.deepEqual(parseAnswer('password=b\r\npassword_expiry_utc=17\r\n'), {
    pair: { username: '', password: 'b' },
    expiry: 17_000,
  });
  assert.equal(installationOf('{"id":7}'), 7);
  assert.deepEqual(tokenOf('{"token":"ghs_x","expires_at":"1970-01-01T00:00:01Z"}'), {
    token: 'ghs_x',
    expires: 1000,
  });
});
