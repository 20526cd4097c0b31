import { apache } from './apache.ts';
import { caddy } from './caddy.ts';
import { nginx } from './nginx.ts';
import type { FrontName, FrontOptions } from './options.ts';
import { traefik } from './traefik.ts';

const WRITERS: Readonly<Record<FrontName, (options: FrontOptions) => string>> = {
  nginx,
  caddy,
  traefik,
  apache,
};

/** The whole text of the front's configuration file. */
export function writeFront(front: FrontName, options: FrontOptions): string {
  return WRITERS[front](options);
}
