/** nginx as `modgate config nginx` sets it up, in each of its modes, with the real go command in front. */
import { describe } from 'node:test';
import { without } from '../kit/front.ts';
import { frontTests } from '../kit/front-tests.ts';

describe('nginx', { skip: without('nginx') }, () => {
  frontTests('nginx', ['proxy', 'try-files', 'auth-request', 'accel']);
});
