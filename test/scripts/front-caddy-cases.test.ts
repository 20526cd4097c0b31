/** Caddy without modgate, for another proxy's name, in front of TLS and of a socket. */
import { describe } from 'node:test';
import { without } from '../kit/front.ts';
import { authorizeTests, fallbackTests, frontCases } from '../kit/front-cases.ts';

describe('Caddy', { skip: without('caddy') }, () => {
  frontCases('caddy', ['auth-request', 'accel']);
  fallbackTests('caddy', 'proxy');
  fallbackTests('caddy', 'try-files');
  authorizeTests('caddy');
});
