import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Progress } from './progress.ts';

describe('a bar on a terminal', () => {
  const WIDTHS: readonly [columns: number | undefined, shows: RegExp][] = [
    [200, /^verify \[#{15}\.{15}\] 50 % {2}512\.0 MiB of 1\.0 GiB, 123456 files, .*\/s, \d+ s left$/],
    [undefined, /^verify \[#+\.+\] 50 %/],
    [50, /^verify \[#+\.+\] 50 %$/],
    [12, /^50 %/],
    [3, /^50$/],
  ];
  for (const [columns, shows] of WIDTHS) {
    it(`of ${columns ?? 'unknown'} columns fits into one line`, () => {
      let text = '';
      const out = {
        isTTY: true,
        write: (piece: string) => {
          text += piece;
        },
      };
      const progress = new Progress('verify', 2 ** 30, columns === undefined ? out : { ...out, columns });
      progress.show(123_456, 2 ** 29);
      const line = text.replace('\r', '').replace('\u001b[K', '');
      assert.ok(line.length < (columns ?? 80), line);
      assert.match(line, shows);
    });
  }
});
