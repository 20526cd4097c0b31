import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from '../errors/index.ts';

/**
 * Who made a temporary file or lock, as the first part of its name, so that no other record can be lost or be stale:
 *
 *     <place>-<pid>-<start>-<instance>.<rest>      5f0c1d2e3a4b-4711-88123456-9c2d41aa.17
 *
 * place: 12 hex digits of a hash of host name, boot and PID namespace: where a pid means one process.
 * start: the process's start, clock ticks since boot (proc(5), field 22 of stat), 0 where /proc does not exist.
 * instance: 8 random hex digits, as a process may open a folder twice.
 */
export interface Owner {
  readonly place: string;
  readonly pid: number;
  readonly start: string;
}

const NAME = /^([0-9a-f]{12})-([0-9]{1,10})-([0-9]{1,20})-[0-9a-f]{8}\./;

export function ownerOf(name: string): Owner | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [, place = '', pid = '', start = ''] = match;
  return { place, pid: Number(pid), start };
}

/** This process. */
export function self(): Owner {
  const start = startOf(process.pid);
  return { place: placeOf(start === undefined), pid: process.pid, start: start ?? '0' };
}

export function ownerPrefix(owner: Owner): string {
  return `${owner.place}-${owner.pid}-${owner.start}-${randomBytes(4).toString('hex')}.`;
}

/** 'unknown' where a pid of there says nothing here: another host, another container, no /proc. */
export function liveness(owner: Owner, me: Owner): 'alive' | 'dead' | 'unknown' {
  if (owner.place !== me.place) return 'unknown';
  if (owner.pid === me.pid && owner.start === me.start) return 'alive';
  if (me.start === '0') return 'unknown';
  const start = startOf(owner.pid);
  if (start !== undefined) return start === owner.start ? 'alive' : 'dead';
  // proc(5), hidepid: another user's process may be there and yet have no folder in /proc.
  return isRunning(owner.pid) ? 'unknown' : 'dead';
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

/** `undefined` where there is no such process, or no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 2 is the program's name in parentheses, and may hold spaces and parentheses itself.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function placeOf(withoutProc: boolean): string {
  const parts = [hostname()];
  if (!withoutProc) parts.push(bootId(), pidNamespace());
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12);
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
