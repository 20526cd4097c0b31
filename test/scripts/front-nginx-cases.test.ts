/** nginx without modgate, for another proxy's name, in front of TLS and of a socket. */
import { describe } from 'node:test';
import { without } from '../kit/front.ts';
import { authorizeTests, fallbackTests, frontCases } from '../kit/front-cases.ts';

describe('nginx', { skip: without('nginx') }, () => {
  frontCases('nginx', ['auth-request', 'accel']);
  fallbackTests('nginx', 'proxy');
  fallbackTests('nginx', 'try-files');
  authorizeTests('nginx');
});
