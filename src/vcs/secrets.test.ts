import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { secretForms, withoutSecrets } from './secrets.ts';

test('a password goes from a text, however a program writes it', () => {
  const password = 'p@ss wörd/+1';
  const secrets = secretForms('ci', password);
  const encoded = Buffer.from(`ci:${password}`).toString('base64');
  const text = `a ${password} b ${encodeURIComponent(password)} c Basic ${encoded} d ${encoded.replace(/=+$/, '')}`;
  assert.equal(withoutSecrets(text, secrets), 'a [secret] b [secret] c Basic [secret] d [secret]');
});

test('a secret that holds another one goes whole', () => {
  assert.equal(withoutSecrets('x-abcd-y', ['abcd', 'x-abcd-y']), '[secret]');
});

test('what is too short to be a secret leaves texts alone', () => {
  assert.equal(withoutSecrets('a banana', ['a', '']), 'a banana');
});

test('no secret is left, whatever the texts are', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 4 })), fc.string(), fc.string(), (secrets, before, after) => {
      for (const secret of secrets) {
        const text = withoutSecrets(`${before}${secret}${after}`, [secret]);
        assert.ok(!text.includes(secret) || '[secret]'.includes(secret), text);
      }
    }),
  );
});
