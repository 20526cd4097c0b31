/** A configuration that is put into force while modgate runs, as the tests follow it. */
import type { LogLine, Modgate } from './modgate.ts';
import { until } from './wait.ts';
import { metric } from './workers.ts';

export const TAKEN = 'the configuration was read again and is in force';
export const REFUSED = 'the configuration was refused; the old one stays in force';

let names = 0;
/** Of a module that nobody has asked for yet. */
export function fresh(): string {
  names++;
  return `reload${names}`;
}

/** The next line with this message: call it before what causes it. */
export function next(modgate: Modgate, msg: string): Promise<LogLine> {
  const before = modgate.logs.filter((line) => line.msg === msg).length;
  return until(() => modgate.logs.filter((line) => line.msg === msg)[before], `the line: ${msg}`);
}

export async function hangUp(modgate: Modgate, msg = TAKEN): Promise<LogLine> {
  const told = next(modgate, msg);
  modgate.signal('SIGHUP');
  return told;
}

export async function page(modgate: Modgate, name: string): Promise<number> {
  return metric((await modgate.ask('/metrics')).text, name);
}
