/** Caddy as `modgate config caddy` sets it up, with the real go command in front. */
import { describe } from 'node:test';
import { without } from '../kit/front.ts';
import { authorizeTests, fallbackTests, frontCases } from '../kit/front-cases.ts';
import { frontTests } from '../kit/front-tests.ts';

describe('Caddy', { skip: without('caddy') }, () => {
  frontTests('caddy', ['proxy', 'try-files', 'auth-request', 'accel']);
  frontCases('caddy', ['proxy', 'try-files', 'auth-request', 'accel']);
  fallbackTests('caddy', 'proxy');
  fallbackTests('caddy', 'try-files');
  authorizeTests('caddy');
});
