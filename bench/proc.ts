/** CPU time and memory of processes, as Linux's /proc tells them (proc(5)); NaN on other systems. */
import fs from 'node:fs';

/** ticks per second of the times in /proc/<pid>/stat: USER_HZ, 100 on every Linux port that Node runs on */
const TICKS = 100;

/** CPU seconds of a process and of its children that still run, user and system. */
export function cpuSeconds(pid: number): number {
  const own = fieldsOf(`/proc/${pid}/stat`);
  if (own === undefined) return Number.NaN;
  // Fields 14 and 15, utime and stime, of which the first 2 are cut off.
  const ticks = Number(own[11]) + Number(own[12]);
  return ticks / TICKS + children(pid).reduce((sum, child) => sum + cpuSeconds(child), 0);
}

/** User CPU seconds of the caller's children that have ended. */
export function endedChildrenUserSeconds(): number {
  const own = fieldsOf('/proc/self/stat');
  // Field 16, cutime.
  return own === undefined ? Number.NaN : Number(own[13]) / TICKS;
}

/** MB (10^6): VmRSS is now, VmHWM the most it ever was. */
export function memory(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(read(`/proc/${pid}/status`) ?? '');
  return found === null ? Number.NaN : (Number(found[1]) * 1024) / 1e6;
}

/** The fields after the program's name, which may itself hold blanks. */
function fieldsOf(file: string): string[] | undefined {
  const text = read(file);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function children(pid: number): number[] {
  const text = read(`/proc/${pid}/task/${pid}/children`) ?? '';
  return text.split(' ').filter(Boolean).map(Number);
}

function read(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
