/** An answer that is no answer: its status and what it says about it. */
import { skim } from './body.ts';
import { UpstreamFault } from './fault.ts';
import type { Landed } from './hops.ts';
import { parseRetryAfter, statusFault } from './status.ts';
import { quotedLines } from './text.ts';

/** bytes of its text that are looked at */
const MAX_TEXT = 4096;

/**
 * @param now ms since the epoch
 * @param keep bytes of its page that the fault keeps
 */
export async function refusal(
  { head, place, credentials, secrets }: Landed,
  now: number,
  keep = 0,
): Promise<UpstreamFault> {
  const page = await skim(head.body, Math.max(keep, MAX_TEXT));
  const text = page.subarray(0, MAX_TEXT);
  const quoted = isPlainText(head.headers['content-type']) ? quotedLines(text, secrets) : [];
  const retryAfter = parseRetryAfter(head.headers['retry-after'], now);
  const facts = statusFault(head.status, place, { retryAfter, quoted, credentials });
  return new UpstreamFault(keep > 0 ? { ...facts, page: page.subarray(0, keep) } : facts, place);
}

/** Text that may be shown, as the go command decides it (cmd/go/internal/web: charset utf-8, us-ascii or none). */
function isPlainText(type: string | undefined): boolean {
  return type !== undefined && /^text\/plain\s*(;\s*charset="?(utf-8|us-ascii)"?\s*)?$/i.test(type.trim());
}

/** Only a request with one of these may be answered 304. */
export function isConditional(headers: Readonly<Record<string, string>>): boolean {
  return Object.keys(headers).some((name) => /^if-(none-match|modified-since)$/i.test(name));
}
