/** The real go command as a client of the soak, now and then. */
import { type Go, hasGo } from '../kit/go.ts';
import type { Server, Traffic } from './traffic.ts';
import { type Nth, pathOf, versionOf, type World } from './world.ts';

/** What it may end with while the upstream is broken or the gateway dies. */
const EXCUSED = /modgate: |unexpected EOF|connection re(?:fused|set)|broken pipe|\bEOF\b/;

interface Download {
  readonly Version: string;
  readonly Sum?: string;
  readonly Error?: string;
}

/** One `go mod download` of what nobody has asked for yet. */
export async function download(go: Go, traffic: Traffic, world: World, server: () => Server): Promise<void> {
  if (!hasGo) return;
  const n = traffic.fresh();
  const { url, life, up } = server();
  const args = ['mod', 'download', '-json', `${pathOf(n)}@${versionOf(n)}`];
  const { stdout, stderr } = await go.run(args, { proxy: url });
  if (up && server().life === life) judge(traffic, world, n, stdout, stderr);
}

function judge(traffic: Traffic, world: World, n: Nth, stdout: string, stderr: string): void {
  const answer: Download | undefined = stdout.startsWith('{') ? JSON.parse(stdout) : undefined;
  const error = answer === undefined ? stderr : answer.Error;
  if (error === undefined) {
    if (answer?.Sum === world.h1(n)) traffic.counts.set('go ok', (traffic.counts.get('go ok') ?? 0) + 1);
    else traffic.fault(`go: another h1 of ${pathOf(n)}@${versionOf(n)}: ${answer?.Sum ?? 'none'}`);
    return;
  }
  traffic.counts.set('go refused', (traffic.counts.get('go refused') ?? 0) + 1);
  if (!EXCUSED.test(error) || /404 Not Found|mismatch/.test(error)) traffic.fault(`go: ${error}`);
}
