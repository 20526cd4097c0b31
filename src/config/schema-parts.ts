/** What the schemas of the configuration are made of. */
import * as z from 'zod';
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from './units.ts';

/** setTimeout fires at once for more than this many ms. */
const MAX_TIMER = 2 ** 31 - 1;
const YEAR = '366d';

/** A duration that becomes a timer, so it is never 0 and has a timer's bound. */
export const timer = (description: string, initial: string) => duration(description, initial, 1, MAX_TIMER);
export const age = (description: string, initial: string) =>
  duration(description, initial, 0, parseDuration(YEAR) ?? 0);

function duration(description: string, initial: string, least: number, most: number) {
  return z
    .unknown()
    .transform((value, context) => {
      const ms = typeof value === 'string' ? parseDuration(value) : value === 0 ? 0 : undefined;
      if (ms !== undefined && ms >= least && ms <= most) return ms;
      const bare = typeof value === 'number' || (typeof value === 'string' && /^[0-9.]+$/.test(value));
      context.addIssue({
        code: 'custom',
        message:
          ms === undefined
            ? `must be a duration such as 500ms, 10s, 1m30s or 7d${bare ? `; with a unit: ${value}s?` : ''}`
            : ms < least
              ? 'must be longer than 0'
              : `must be at most ${Math.floor(most / 86_400_000)}d`,
      });
      return z.NEVER;
    })
    .meta({ type: 'string', pattern: DURATION_PATTERN, description, default: initial })
    .optional();
}

export function size(description: string, initial: string, least: number) {
  return z
    .unknown()
    .transform((value, context) => {
      const text = typeof value === 'number' ? String(value) : value;
      const bytes = typeof text === 'string' ? parseSize(text) : undefined;
      if (bytes !== undefined && bytes >= least) return bytes;
      const message =
        bytes === undefined ? 'must be a size such as 64MiB, 1GB or 4096' : `must be at least ${least} bytes`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .meta({
      type: ['string', 'integer'],
      pattern: SIZE_PATTERN,
      minimum: least,
      description,
      default: initial,
    })
    .optional();
}

const MAX_COUNT = 1_000_000;
export const count = (description: string, initial: number, least: number) =>
  z.int().min(least).max(MAX_COUNT).meta({ description, default: initial }).optional();
export const flag = (description: string, initial: boolean) =>
  z.boolean().meta({ description, default: initial }).optional();
export const text = (description: string) => z.string().min(1, 'must not be empty').meta({ description });
export const section = <S extends z.core.$ZodLooseShape>(description: string, shape: S) =>
  z.strictObject(shape).meta({ description });

const SECRET = 'must be { env: NAME } or { file: path }, or the text itself';
export const secret = (description: string) =>
  z
    .union(
      [
        z.string().min(1),
        section('A value kept outside of this file.', {
          env: z
            .string()
            .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
            .meta({ description: 'Name of an environment variable.' }),
        }),
        section('A value kept outside of this file.', {
          file: z.string().min(1).meta({ description: 'Path of a file; a newline at its end is left out.' }),
        }),
      ],
      { error: SECRET },
    )
    .meta({
      description: `${description} As { env: NAME } or { file: path }; the text itself brings a warning.`,
    });
