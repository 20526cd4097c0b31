/** seconds */
const CONNECT = 15;
const ALIVE = 15;

export interface SshKey {
  /** absolute paths without the characters " \ $ % */
  readonly key: string;
  readonly knownHosts: string;
}

/**
 * The value of GIT_SSH_COMMAND: ssh with this key and these host keys, and nothing of what the user, the machine or an
 * agent has. It holds paths, no secrets.
 */
export function sshCommand({ key, knownHosts }: SshKey): string {
  const options = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    `IdentityFile="${key}"`,
    'PreferredAuthentications=publickey',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile="${knownHosts}"`,
    'GlobalKnownHostsFile=/dev/null',
    'UpdateHostKeys=no',
    'VerifyHostKeyDNS=no',
    'ControlMaster=no',
    'ControlPath=none',
    'ForwardAgent=no',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    `ConnectTimeout=${CONNECT}`,
    `ServerAliveInterval=${ALIVE}`,
    'ServerAliveCountMax=3',
    'LogLevel=ERROR',
  ];
  return ['ssh', '-F', '/dev/null', ...options.flatMap((option) => ['-o', option])].map(shellWord).join(' ');
}

/** git gives the command to a shell. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9_/.=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
