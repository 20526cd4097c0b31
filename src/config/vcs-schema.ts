import * as z from 'zod';
import { DEFAULTS } from './defaults.ts';
import { repositoriesSchema } from './repositories.ts';
import { age, flag, secret, section, size, text, timer } from './schema-parts.ts';

const initial = DEFAULTS.vcs;

const githubApp = section('A GitHub App, which is given a short-lived token for its installation.', {
  id: z
    .union([z.int().min(1), z.string().regex(/^[A-Za-z0-9.]{1,64}$/)], {
      error: 'must be the number of the app, or its client id',
    })
    .meta({ description: 'Number of the app, or its client id.' }),
  key: secret('Private key of the app: PEM, RSA.'),
  installation: z
    .int()
    .min(1)
    .meta({ description: 'Number of the installation; without it, that of the repository is looked up.' })
    .optional(),
  api: text('Base URL of the API; of GitHub Enterprise Server https://host/api/v3.')
    .meta({ default: initial.api })
    .optional(),
});

const ssh = section('An SSH key, and the keys by which its hosts prove themselves.', {
  key: text('File of the private key, without a passphrase; readable by its owner only.'),
  known_hosts: text('File of the host keys that are accepted, as ssh-keyscan prints them.'),
  user: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/, 'is not the name of a user')
    .meta({ description: 'User where the URL names none.', default: initial.user })
    .optional(),
});

const credential = section(
  'Credentials for some remotes; exactly one of basic, token, netrc, command, github_app, ssh.',
  {
    match: text('Patterns in the syntax of GOPRIVATE, on host[:port]/path of the URL after rewriting.'),
    basic: section('A user name and a password.', {
      username: text('User name.'),
      password: secret('Password.'),
    }).optional(),
    token: secret('An access token.').optional(),
    username: text('User name that goes with token.').meta({ default: initial.token_user }).optional(),
    netrc: z
      .union([z.literal(true), z.string().min(1)], { error: 'must be true or the path of a netrc file' })
      .meta({ description: "A netrc file: its path, or true for the user's own." })
      .optional(),
    command: z
      .array(z.string().min(1, 'must not be empty'))
      .min(1, 'must name a program')
      .meta({
        description: 'A program and its arguments that speaks the protocol of git credential helpers.',
      })
      .optional(),
    github_app: githubApp.optional(),
    ssh: ssh.optional(),
    insecure: flag('Sends them over http:// too, to what vcs.insecure matches.', false),
  },
);

/** Elements of lists are optional so that checkShape can take one away. */
export const vcsSchema = section('Version control: where `direct` gets modules from.', {
  git: text('The git command: its name in PATH, or its path.').meta({ default: initial.git }).optional(),
  cap: size(
    'Disk for copies of repositories; beyond it the least recently used go. 0: no bound.',
    initial.cap,
    0,
  ),
  repository: size(
    'Largest copy of one repository while it is fetched; a larger one is refused.',
    initial.repository,
    1 << 20,
  ),
  refs: age('How long one answer of a remote about its branches and tags is shared.', initial.refs),
  timeouts: section('Time limits of one git command that talks to a remote.', {
    idle: timer('Without any progress.', initial.timeouts.idle),
    total: timer('In all.', initial.timeouts.total),
  }).optional(),
  ca: text(
    'PEM file of authorities that are trusted beside the system’s, for repositories and meta pages.',
  ).optional(),
  insecure: z
    .string()
    .meta({
      description: 'Patterns of host[:port]/path that may be asked by plain http://, as with GOINSECURE.',
      default: initial.insecure,
    })
    .optional(),
  credentials: z
    .array(credential.optional())
    .meta({
      description:
        'Credentials by remote; the first match that fits the scheme counts. Used on routes that are written down only.',
    })
    .optional(),
  repositories: repositoriesSchema,
});

export type FileVcs = z.output<typeof vcsSchema>;
export type FileVcsCredential = z.output<typeof credential>;
