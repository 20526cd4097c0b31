/** Apache httpd as `modgate config apache` sets it up, with the real go command in front. */
import { describe } from 'node:test';
import { without } from '../kit/front.ts';
import { frontCases } from '../kit/front-cases.ts';
import { frontTests } from '../kit/front-tests.ts';

describe('Apache httpd', { skip: without('apache') }, () => {
  frontTests('apache', ['proxy', 'try-files', 'accel']);
  frontCases('apache', ['try-files', 'accel']);
});
