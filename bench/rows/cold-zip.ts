/** Rows of one zip that the gateway does not have: how soon it begins, and many callers at once. */
import path from 'node:path';
import { crowd, read } from '../client.ts';
import { freshModgate } from '../fresh.ts';
import { memory } from '../proc.ts';
import type { Measure, Row } from '../row.ts';
import { startProgram } from '../servers.ts';
import { files, moduleTree } from '../tree.ts';

/** bytes per second */
const SLOW = 20e6;

const PEAK: Measure = { key: 'peak', title: 'peak memory', unit: 'MB' };

function atMost<T extends Measure>(limit: number, measure: T): Measure {
  return { ...measure, aim: { of: 'value', bound: 'at most', limit } };
}

export const coldZipRows: readonly Row[] = [
  {
    name: 'first-byte',
    title: 'cold zip of 69 MB, upstream at 20 MB/s',
    rounds: 5,
    measures: [
      atMost(0.1, { key: 'firstByte', title: 'first byte', unit: 's' }),
      { key: 'seconds', title: 'whole', unit: 's' },
      PEAK,
    ],
    contenders: async (bench, scope) => {
      const folder = path.join(bench.folder, 'slow');
      const args = [await moduleTree(bench), String(SLOW)];
      const { url } = await startProgram(scope, folder, 'upstream', args);
      return [
        freshModgate(bench, { upstream: url }, async (modgate) => {
          const { firstByte, seconds } = await read(modgate.url, files.zip69M);
          return { firstByte, seconds, peak: memory(modgate.pid, 'VmHWM') };
        }),
        {
          name: 'straight',
          round: async () => {
            const { firstByte, seconds } = await read(url, files.zip69M);
            return { firstByte, seconds };
          },
        },
      ];
    },
  },
  crowdRow('crowd-small', '50 callers, one cold zip of 4.7 MB', files.zip5M, 50, [
    atMost(1, { key: 'fetches', title: 'requests upstream', unit: 'requests' }),
    { key: 'firstByte', title: 'first byte of the last caller', unit: 's' },
    atMost(0.4, { key: 'seconds', title: 'until the last caller has it', unit: 's' }),
  ]),
  crowdRow('crowd-large', '20 callers, one cold zip of 69 MB', files.zip69M, 20, [
    atMost(2, { key: 'seconds', title: 'until the last caller has it', unit: 's' }),
    atMost(160, PEAK),
    { key: 'fetches', title: 'requests upstream', unit: 'requests' },
  ]),
];

function crowdRow(
  name: string,
  title: string,
  file: string,
  callers: number,
  measures: readonly Measure[],
): Row {
  return {
    name,
    title,
    rounds: 5,
    measures,
    contenders: async (bench, scope) => {
      const folder = path.join(bench.folder, name);
      const { url } = await startProgram(scope, folder, 'upstream', [await moduleTree(bench)]);
      const fetches = async () => Number(await (await fetch(`${url}/-/count`)).text());
      return [
        freshModgate(bench, { upstream: url }, async (modgate) => {
          const { firstByte, seconds } = await crowd(modgate.url, file, callers);
          return { firstByte, seconds, peak: memory(modgate.pid, 'VmHWM'), fetches: await fetches() };
        }),
        {
          name: 'straight',
          round: async () => {
            const { firstByte, seconds } = await crowd(url, file, callers);
            return { firstByte, seconds, fetches: await fetches() };
          },
        },
      ];
    },
  };
}
