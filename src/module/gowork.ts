/** go.work files (go.dev/ref/mod#go-work-file): the same syntax as go.mod, the directives of a workspace. */
import { ModgateError } from '../errors/index.ts';
import { goVersionOf, onlyPath, type Replacement, replacement, toolchainOf } from './gomod.ts';
import { goModError, readStatements, type Statement } from './gomod-syntax.ts';

export interface GoWork {
  /** language version, such as "1.21" or "1.22rc1" */
  readonly go: string | undefined;
  /** such as "go1.22.0" or "default" */
  readonly toolchain: string | undefined;
  /** folders as written, each with a go.mod */
  readonly use: readonly string[];
  readonly replace: readonly Replacement[];
}

/** characters; a workspace names folders, some thousand at most */
const MAX_TEXT = 16 << 20;

/** INVALID_MODULE, "go.work:LINE: what", for a text that the go command would refuse. */
export function parseGoWork(text: string): GoWork {
  try {
    if (text.length > MAX_TEXT) throw goModError(1, `too large (limit is ${MAX_TEXT} bytes)`);
    return readWork(readStatements(text));
  } catch (cause) {
    if (!(cause instanceof ModgateError)) throw cause;
    throw new ModgateError('INVALID_MODULE', cause.message.replace(/^go\.mod:/, 'go.work:'), { cause });
  }
}

function readWork(statements: Iterable<Statement>): GoWork {
  let go: string | undefined;
  let toolchain: string | undefined;
  const use: string[] = [];
  const replace: Replacement[] = [];
  for (const s of statements) {
    const [verb = '', ...args] = s.tokens;
    switch (verb) {
      case 'go':
        if (go !== undefined) throw goModError(s.line, 'repeated go statement');
        go = goVersionOf(s, args);
        break;
      case 'toolchain':
        if (toolchain !== undefined) throw goModError(s.line, 'repeated toolchain statement');
        toolchain = toolchainOf(args);
        break;
      case 'use':
        use.push(onlyPath(s, args, 'use'));
        break;
      case 'replace':
        replace.push(replacement(s, args));
        break;
      case 'godebug':
        break;
      default:
        throw goModError(s.line, `unknown directive: ${verb}`);
    }
  }
  return { go, toolchain, use, replace };
}
