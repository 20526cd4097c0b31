import type { Command } from 'commander';
import { readModuleVersion } from './module-version.ts';
import { withStore } from './store-room.ts';
import { agreed } from './store-run.ts';

export interface DeleteFlags {
  readonly reason: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export async function runDelete(command: Command, text: string, flags: DeleteFlags): Promise<void> {
  const m = readModuleVersion(text);
  await withStore(command, async ({ upkeep, signal }) => {
    const question = `Delete ${m.path}@${m.version} for good, for everyone?`;
    if (flags.yes !== true && !(await agreed(question, 'see modgate retract'))) return;
    const actor = { who: 'command', remote: null, request: null };
    const deleted = await upkeep.delete(m, flags.reason, actor, signal);
    const { status, h1, time, reason } = deleted;
    const known = h1 === null ? 'no h1 of it is known' : `it can only come back as ${h1}`;
    const when = status === 'unchanged' ? `was deleted before, at ${time}: ${reason}` : 'is deleted';
    process.stdout.write(
      flags.json === true ? `${JSON.stringify(deleted)}\n` : `${m.path}@${m.version} ${when}\n${known}\n`,
    );
  });
}
