/** Whether this machine reaches the real upstream: the first URL of the go command's own GOPROXY. */
import { execFileSync } from 'node:child_process';
import { hasGo } from './go.ts';

/** How the reason of every skipped test about the real upstream starts. */
export const NEEDS_UPSTREAM = 'needs the real upstream';
/** ms */
const LIMIT = 5000;

export interface Reach {
  /** base URL without a trailing slash; "" where there is none */
  readonly url: string;
  /** why it cannot be used; undefined where it can */
  readonly fault: string | undefined;
}

export async function reachUpstream(): Promise<Reach> {
  if (!hasGo) return { url: '', fault: 'no go command tells its address' };
  const url = upstreamUrl();
  if (url === '') return { url, fault: 'GOPROXY names no URL' };
  try {
    const answer = await fetch(`${url}/golang.org/x/text/@v/v0.14.0.info`, {
      signal: AbortSignal.timeout(LIMIT),
    });
    await answer.arrayBuffer();
    return { url, fault: answer.ok ? undefined : `it answers ${answer.status}` };
  } catch (error) {
    return { url, fault: reason(error) };
  }
}

function upstreamUrl(): string {
  const chain = execFileSync('go', ['env', 'GOPROXY'], { encoding: 'utf8' }).trim();
  const first = chain.split(/[,|]/).find((part) => part.startsWith('http'));
  return first === undefined ? '' : first.replace(/\/$/, '');
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
