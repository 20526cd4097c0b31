import { Metrics } from '../observe/index.ts';
import { App } from './app.ts';
import { type Reading, Reloader } from './reloader.ts';
import type { Server, Serving } from './serving.ts';

/** This process does everything. */
export async function serveAlone(reading: Reading, { load, logger, build }: Serving): Promise<Server> {
  const metrics = new Metrics();
  metrics.gauge('modgate_workers', 'Processes that serve.').with().set(1);
  let reloader: Reloader | undefined;
  const app = await App.start(reading.loaded.config, {
    logger,
    metrics,
    build,
    parts: () => (reloader === undefined ? [] : [reloader.state]),
  });
  const running = new Reloader(reading, {
    load,
    logger,
    metrics,
    prepare: ({ loaded }) => app.prepare(loaded.config),
  });
  reloader = running;
  return {
    url: app.url,
    adminUrl: app.adminUrl,
    reloader: running,
    close: async () => {
      await running.close();
      await app.close();
    },
    kill: () => undefined,
  };
}
