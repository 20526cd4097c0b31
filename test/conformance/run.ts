/** Runs the table against a base URL. */
import { fixture } from '../kit/modules.ts';
import { PROTOCOL_ROWS } from './protocol.ts';
import { check, type Outcome, type Row } from './row.ts';
import { STRICT_ROWS } from './strict.ts';
import { TRANSFER_ROWS } from './transfer.ts';

export const ROWS: readonly Row[] = [...PROTOCOL_ROWS, ...TRANSFER_ROWS, ...STRICT_ROWS];

/** One row after the other, so that what one leaves in a cache is the same in every run. */
export async function runTable(base: string, report: (outcome: Outcome) => void): Promise<Outcome[]> {
  const known = fixture();
  const outcomes: Outcome[] = [];
  for (const row of ROWS) {
    const outcome = await check(row, base, known);
    outcomes.push(outcome);
    report(outcome);
  }
  return outcomes;
}
