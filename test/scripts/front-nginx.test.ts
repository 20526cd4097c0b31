/** nginx as `modgate config nginx` sets it up, with the real go command in front. */
import { describe } from 'node:test';
import { without } from '../kit/front.ts';
import { authorizeTests, fallbackTests, frontCases } from '../kit/front-cases.ts';
import { frontTests } from '../kit/front-tests.ts';

describe('nginx', { skip: without('nginx') }, () => {
  frontTests('nginx', ['proxy', 'try-files', 'auth-request', 'accel']);
  frontCases('nginx', ['proxy', 'try-files', 'auth-request', 'accel']);
  fallbackTests('nginx', 'proxy');
  fallbackTests('nginx', 'try-files');
  authorizeTests('nginx');
});
