import type { IncomingMessage } from 'node:http';
import { type ModgateError, toModgateError } from '../../errors/index.ts';
import {
  collectEvents,
  entryOf,
  purgeEvents,
  type Upkeep,
  type UpkeepEvent,
  verifyEvents,
} from '../../gateway/index.ts';
import type { Exchange } from '../exchange.ts';
import { sendJson } from '../pages.ts';
import { checkQuery, flagOf, readFields, sizeOf, textsOf, wholeNumber } from './body.ts';

/** versions of a page */
const PAGE = 1000;
const MAX_PAGE = 10_000;

type Route = (
  exchange: Exchange,
  upkeep: Upkeep,
  query: URLSearchParams,
  req: IncomingMessage,
) => Promise<void>;

/** Method and path below /api/v1/store. */
export const STORE_ROUTES: Readonly<Record<string, Route>> = {
  'GET stats': async (exchange, upkeep, query) => {
    checkQuery(query, []);
    sendJson(exchange, 200, await upkeep.stats());
  },
  'GET versions': sendVersions,
  'GET du': async (exchange, upkeep, query) => {
    checkQuery(query, ['match', 'depth', 'limit']);
    const depth = wholeNumber(query, 'depth', 0, 100);
    const limit = wholeNumber(query, 'limit', PAGE, MAX_PAGE, 1);
    const usage = await upkeep.usage(query.getAll('match'), depth);
    sendJson(exchange, 200, { usage: usage.slice(0, limit), all: usage.length });
  },
  'POST gc': async (exchange, upkeep, query, req) => {
    checkQuery(query, []);
    const fields = await readFields(req, ['cap']);
    await sendEvents(exchange, collectEvents(upkeep, sizeOf(fields, 'cap'), exchange.signal));
  },
  'POST verify': async (exchange, upkeep, query, req) => {
    checkQuery(query, []);
    const fields = await readFields(req, ['match', 'quarantine']);
    const options = { quarantine: flagOf(fields, 'quarantine', true), signal: exchange.signal };
    await sendEvents(exchange, verifyEvents(upkeep, textsOf(fields, 'match'), options));
  },
  'POST purge': async (exchange, upkeep, query, req) => {
    checkQuery(query, []);
    const fields = await readFields(req, ['match', 'hard', 'dry_run']);
    const options = {
      hard: flagOf(fields, 'hard', false),
      dryRun: flagOf(fields, 'dry_run', false),
      signal: exchange.signal,
    };
    await sendEvents(exchange, purgeEvents(upkeep, textsOf(fields, 'match'), options));
  },
};

async function sendVersions(exchange: Exchange, upkeep: Upkeep, query: URLSearchParams): Promise<void> {
  checkQuery(query, ['match', 'limit', 'after']);
  const limit = wholeNumber(query, 'limit', PAGE, MAX_PAGE, 1);
  const { versions, next } = await upkeep.page(query.getAll('match'), query.get('after') ?? '', limit);
  const found = versions.map(entryOf);
  sendJson(exchange, 200, next === undefined ? { versions: found } : { versions: found, next });
}

/**
 * One JSON object a line, as it happens. What fails before the first line is an answer with a status of its own; later
 * the last line says it.
 */
async function sendEvents(
  exchange: Exchange,
  events: AsyncGenerator<UpkeepEvent, void, void>,
): Promise<void> {
  const { res } = exchange;
  const first = await events.next();
  exchange.begin(200, ['Content-Type', 'application/x-ndjson', 'Cache-Control', 'no-store']);
  const send = async (line: object) => {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    exchange.bytes += bytes.length;
    // The next one is made when this one is on its way: who reads slowly slows the work down.
    await new Promise<void>((resolve, reject) => {
      res.write(bytes, (error) => (error === undefined || error === null ? resolve() : reject(error)));
    });
  };
  try {
    if (first.done !== true) await send(first.value);
    for await (const event of events) await send(event);
  } catch (thrown) {
    const error = toModgateError(thrown);
    exchange.error = error;
    if (!res.destroyed) await send({ event: 'error', ...errorFields(error) }).catch(() => undefined);
  }
  res.end();
}

export function errorFields({ code, message, next }: ModgateError): object {
  return { code, message, ...(next === undefined ? {} : { next }) };
}
