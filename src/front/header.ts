import { type FrontOptions, ownAddresses } from './options.ts';

export interface Installation {
  /** what reads the file, e.g. "nginx 1.18 or later" */
  readonly program: string;
  readonly file: string;
  readonly test: string;
  readonly reload: string;
  /** the value of sendfile in modgate.yaml; undefined: it sends no file that modgate names */
  readonly sendfile?: string;
  /** more lines, each a sentence */
  readonly notes?: readonly string[];
}

/** The value of sendfile for a front that knows X-Accel-Redirect. */
export function accelRedirect({ internal }: FrontOptions): string {
  return `{ type: x-accel-redirect, prefix: ${internal} }`;
}

/** The first lines of every file: what it is, how it gets to work, what modgate must be told. */
export function header(options: FrontOptions, about: Installation): string[] {
  const { mode, fallback, variant, tree } = options;
  const reads = mode !== 'proxy' || fallback;
  const lines = [
    `modgate behind ${about.program}: ${variant}, ${mode}${fallback ? ', with the stored files where modgate is down' : ''}.`,
    '',
    `Install:  ${about.file}`,
    `Test:     ${about.test}`,
    `Reload:   ${about.reload}`,
    ...(variant === 'passthrough' ? [] : ['', `modgate.yaml needs:  trusted_proxies: ${trusted(options)}`]),
    ...(mode === 'accel' ? sendfile(options, about.sendfile) : []),
    ...(reads
      ? [
          '',
          `It reads ${tree}: make its user a member of modgate's group (files have mode 0640; systemd: docs/deploy.md).`,
        ]
      : []),
    ...(about.notes ?? []),
  ];
  return lines.map((line) => (line === '' ? '#' : `# ${line}`));
}

function sendfile({ sendfile: type, trusted: believed }: FrontOptions, needed = ''): string[] {
  const made = 'The modgate.yaml that this was made from';
  const until = 'yet: until it does, modgate sends every byte itself.';
  return [
    `                     sendfile: ${needed}`,
    ...(type === 'off' ? ['', `${made} sets no sendfile ${until}`] : []),
    ...(believed ? [] : ['', `${made} does not trust this front ${until}`]),
  ];
}

function trusted({ upstream }: FrontOptions): string {
  if (upstream.kind === 'unix') return 'unix';
  return ownAddresses(upstream) === undefined ? '<address of this front>' : "'127.0.0.1, ::1'";
}
