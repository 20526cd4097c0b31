import type { RepositoryMapping } from './repositories.ts';
import { Secret } from './secret.ts';
import { formatDuration, formatSize } from './units.ts';
import type { VcsConfig, VcsCredential } from './vcs-types.ts';

type Values = Record<string, unknown>;

const SHOWN = String(new Secret(''));

/** The section in the shape of its file, without secrets. */
export function vcsValues(vcs: VcsConfig): Values {
  return {
    git: vcs.git,
    cap: formatSize(vcs.cap),
    repository: formatSize(vcs.repository),
    refs: formatDuration(vcs.refs),
    timeouts: { idle: formatDuration(vcs.timeouts.idle), total: formatDuration(vcs.timeouts.total) },
    ...(vcs.ca === undefined ? {} : { ca: vcs.ca.file }),
    insecure: vcs.insecure,
    ...(vcs.credentials.length === 0 ? {} : { credentials: vcs.credentials.map(credentialValues) }),
    ...(vcs.repositories.length === 0 ? {} : { repositories: vcs.repositories.map(repositoryValues) }),
  };
}

function repositoryValues({ match, url, subdirectory }: RepositoryMapping): Values {
  return { match, url, ...(subdirectory === '' ? {} : { subdirectory }) };
}

function credentialValues({ match, insecure, how }: VcsCredential): Values {
  return { match, ...howValues(how), ...(insecure ? { insecure } : {}) };
}

function howValues(how: VcsCredential['how']): Values {
  switch (how.kind) {
    case 'basic':
      return { basic: { username: how.username, password: SHOWN } };
    case 'token':
      return { token: SHOWN, username: how.username };
    case 'netrc':
      return { netrc: how.file ?? true };
    case 'command':
      return { command: how.command };
    case 'github_app': {
      const { id, installation, api } = how;
      const number = /^[1-9][0-9]{0,15}$/.test(id) ? Number(id) : id;
      return {
        github_app: { id: number, key: SHOWN, ...(installation === undefined ? {} : { installation }), api },
      };
    }
    case 'ssh':
      return { ssh: { key: how.key, known_hosts: how.knownHosts, user: how.user } };
  }
}
