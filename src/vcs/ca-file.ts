import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { rootCertificates } from 'node:tls';

/** Where systems keep the authorities that they trust, in one file. */
const SYSTEM = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * The authorities of the system and one more as the one file that git takes. It holds nothing secret, and its name tells
 * its content, so that several processes and configurations can have their own.
 */
export class CaFile {
  readonly #folder: string;
  readonly #pem: string;
  readonly #env: NodeJS.ProcessEnv;
  #file: Promise<string> | undefined;

  constructor(folder: string, pem: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#pem = pem;
    this.#env = env;
  }

  /** Its absolute path. */
  path(): Promise<string> {
    this.#file ??= this.#write();
    this.#file.catch(() => {
      this.#file = undefined;
    });
    return this.#file;
  }

  async #write(): Promise<string> {
    const bundle = `${await systemAuthorities(this.#env)}\n${this.#pem}\n`;
    const hash = createHash('sha256').update(bundle).digest('hex').slice(0, 16);
    const file = path.join(this.#folder, `ca-${hash}.pem`);
    const present = await access(file).then(
      () => true,
      () => false,
    );
    if (present) return file;
    await mkdir(this.#folder, { recursive: true, mode: 0o750 });
    const temp = `${file}.${process.pid}`;
    await writeFile(temp, bundle, { mode: 0o640 });
    await rename(temp, file);
    return file;
  }
}

async function systemAuthorities(env: NodeJS.ProcessEnv): Promise<string> {
  for (const file of [env.GIT_SSL_CAINFO, env.SSL_CERT_FILE, ...SYSTEM]) {
    if (file === undefined || file === '') continue;
    try {
      return await readFile(file, 'utf8');
    } catch {
      // the next one
    }
  }
  return rootCertificates.join('\n');
}
