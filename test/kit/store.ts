/** What the tests of stored files share: the store's commands, flipped bytes, the administrative listener. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { readAll } from './http.ts';
import { CLI, cleanEnv, type Modgate, type Run } from './modgate.ts';
import { bounded } from './wait.ts';

/** ms; a command reads everything, on a machine that may be busy */
const COMMAND = 60_000;

/** `modgate store …` with the configuration of a server, which may be running. */
export async function storeCommand(modgate: Modgate, ...args: string[]): Promise<Run> {
  const config = path.join(modgate.folder, 'modgate.yaml');
  const child = spawn(process.execPath, [CLI, 'store', ...args, '--config', config], { env: cleanEnv() });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => {
    stdout += piece.toString();
  });
  child.stderr.on('data', (piece: Buffer) => {
    stderr += piece.toString();
  });
  const over = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const code = await bounded(over, `modgate store ${args.join(' ')}`, COMMAND).finally(() =>
    child.kill('SIGKILL'),
  );
  return { code, stdout, stderr };
}

/** Objects of lines. */
export function lines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** As rot does it: other bytes under the same name, size and time. */
export function flip(file: string, offset: number): void {
  const bytes = fs.readFileSync(file);
  const { mtime, atime } = fs.statSync(file);
  const at = offset < 0 ? bytes.length + offset : offset;
  assert.ok(at >= 0 && at < bytes.length, `${file} has no byte ${offset}`);
  bytes[at] = (bytes[at] ?? 0) ^ 0x01;
  fs.writeFileSync(file, bytes);
  fs.utimesSync(file, atime, mtime);
}

export interface AdminReply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** Where the administrative listener of a running server is. */
export async function adminUrl({ modgate }: { readonly modgate: Modgate }): Promise<string> {
  const line = await modgate.log(({ msg }) => msg === 'listening', 'listening');
  return String(line.admin);
}

/** A request to the administrative listener. */
export async function admin(
  base: string,
  method: string,
  urlPath: string,
  options: { body?: string; headers?: Record<string, string>; socket?: string } = {},
): Promise<AdminReply> {
  const type: Record<string, string> =
    options.body === undefined ? {} : { 'content-type': 'application/json' };
  const { hostname, port } = new URL(base);
  const target = options.socket === undefined ? { host: hostname, port } : { socketPath: options.socket };
  const answer = new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request({
      ...target,
      method,
      path: urlPath,
      agent: false,
      headers: { ...type, ...options.headers },
    });
    request.on('response', resolve);
    request.on('error', reject);
    request.end(options.body);
  });
  const response = await bounded(answer, `the answer to ${urlPath}`);
  const body = await bounded(readAll(response), `the body of ${urlPath}`);
  return { status: response.statusCode ?? 0, headers: response.headers, text: body.toString('utf8') };
}
