/**
 * What git says on stderr → a coded error. The text comes from git, from curl or ssh below it, and from the remote, which
 * may write what it likes; so a text never decides more than which of our own sentences is told.
 */
import { type Code, ModgateError } from '../errors/index.ts';
import type { Lack } from './access.ts';
import type { GitResult, GitTimeouts } from './git.ts';
import { withoutUserInfo } from './remote-url.ts';
import { withoutSecrets } from './secrets.ts';

/** What the caller may do about it beside telling. */
type Remedy =
  /** the remote names another place */
  | 'redirect'
  /** it does not hand out a commit by its hash */
  | 'by-ref'
  /** a ref is not there (any more) */
  | 'ref-gone'
  /** objects are damaged, here or there */
  | 'corrupt'
  /** the copy here is damaged, or gone */
  | 'copy'
  | 'none';

/** A failed git, told; within this room with what may be done about it. */
export class GitFault extends ModgateError {
  readonly remedy: Remedy;

  constructor(code: Code, url: string, what: string, next: string, said = '', remedy: Remedy = 'none') {
    const told = said === '' ? '' : `\ngit says: ${said}`;
    super(code, `repository ${withoutUserInfo(url)}: ${what}${told}`, { next });
    this.remedy = remedy;
  }
}

/** Why a remote is asked without credentials, and the next step of whoever meant it to be asked with some. */
export const WRITTEN_ROUTES_ONLY =
  'credentials are used only for routes that are written down; the repository may also not exist';
export const WRITE_ROUTE = 'add a route for this module path, with direct in its chain, if it may be served';

interface Row {
  readonly text: RegExp;
  readonly code: Code;
  readonly what: string;
  readonly next: string;
  readonly remedy?: Remedy;
  /** what only git here can know; what the remote says of its own disk and files does not count */
  readonly ours?: true;
}

const CHECK_HOST = 'check the name in the repository URL and the DNS of this machine';
const CHECK_NETWORK =
  'check that the host is up and that this machine can reach it (address, port, firewall, proxy)';
const CREDENTIALS = 'add credentials for it to vcs.credentials, or check that the path is right';
const ASK_LATER = 'ask again later, or look at the logs of its host';
const ASK_AGAIN = 'ask again; if that fails too, run git fsck over there';
const CHECK_MACHINE = "look at memory, disk and logs of modgate's machine, and ask again";
const TELL_OWNER = 'run git clone against it; if that fails too, tell whoever runs the repository';

const WANTS_CREDENTIALS =
  'the host wants credentials, and there are none for it; the repository may also not exist';

/** The first row that matches counts, so the exact ones stand before the general ones. */
const ROWS: readonly Row[] = [
  {
    text: /No space left on device|Disk quota exceeded/i,
    code: 'DISK_FULL',
    what: 'no space is left for its copy',
    ours: true,
    next: 'free space in the data folder, or lower vcs.cap',
  },
  {
    text: /^(?:fatal|error): (?:unable to (?:write|create) |could(?: not|n't) (?:write|create) |cannot (?:write|create|mkdir|lock) |failed to write )(?!.*(?:File exists|Not a directory))/m,
    code: 'VCS_FAILED',
    what: 'its copy cannot be written here',
    ours: true,
    next: 'check the disk of the data folder, and that modgate may write there',
  },
  {
    // git names files of the copy, so it is that one and not the remote.
    text: /mismatched algorithms|object file \S+ is empty|loose object \S+ .*is corrupt|stored in \S+\) is corrupt|packfile \S+ (?:cannot be|is|does not)|index file \S+ |not a git repository: '|garbage at end of loose object|bad config (?:line|variable)|shallow file has changed|reference broken|cannot lock ref|ignoring (?:broken|dangling) (?:ref|symref)/,
    code: 'UPSTREAM_BAD_ANSWER',
    what: 'its copy is damaged',
    ours: true,
    next: ASK_AGAIN,
    remedy: 'copy',
  },
  {
    text: /bad (?:object|ref|config)|unable to read (?:tree|sha1|askpass|[0-9a-f]{40})|missing (?:blob|tree|commit) object|has bad|error in object/,
    code: 'UPSTREAM_BAD_ANSWER',
    what: 'its objects are damaged',
    next: TELL_OWNER,
    remedy: 'corrupt',
  },
  {
    text: /not our ref|unadvertised object|want [0-9a-f]{40,64} not valid/,
    code: 'UPSTREAM_BAD_ANSWER',
    what: 'it does not hand out a commit that it named',
    next: TELL_OWNER,
    remedy: 'by-ref',
  },
  {
    text: /pathspec '[^']*' did not match any files/,
    code: 'NOT_FOUND',
    what: 'there is no such folder in the commit',
    ours: true,
    next: 'check the folder below the repository',
  },
  {
    text: /couldn't find remote ref/,
    code: 'UPSTREAM_BAD_ANSWER',
    what: 'a branch or tag that it named is gone',
    next: 'ask again',
    remedy: 'ref-gone',
  },
  {
    text: /Could not resolve (?:host|proxy)|Could not resolve hostname|Name or service not known|Temporary failure in name resolution/,
    code: 'UPSTREAM_UNREACHABLE',
    what: 'no such host (DNS)',
    next: CHECK_HOST,
  },
  {
    text: /No \S+ host key is known for/,
    code: 'UPSTREAM_TLS',
    what: 'known_hosts has no key of its host and port',
    next: 'add what ssh-keyscan [-p PORT] HOST prints, once compared with what the owner of the host publishes',
  },
  {
    text: /No user exists for uid/,
    code: 'VCS_FAILED',
    what: 'ssh does not run: the user that modgate runs as has no name on this machine',
    ours: true,
    next: 'give that uid an entry in /etc/passwd, in an image one such as git:x:UID:0::/tmp:/sbin/nologin',
  },
  {
    text: /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: 'UPSTREAM_TLS',
    what: 'its SSH host key is not the pinned one',
    next: 'compare its key with the known_hosts file of vcs.credentials, by another way than the network',
  },
  {
    text: /server certificate verification failed|SSL certificate problem|certificate subject name|unable to get local issuer|gnutls_handshake|SSL_ERROR|SSL routines|TLS connect error|SSL: |error setting certificate/i,
    code: 'UPSTREAM_TLS',
    what: 'TLS failed: its certificate is not trusted here, or it speaks no TLS',
    next: 'put the PEM of its certificate authority into vcs.ca, or repair the certificate',
  },
  {
    // It offered its refs a moment ago, so this is no absence.
    text: /RPC failed; HTTP (?:404|410|5\d\d)/,
    code: 'UPSTREAM_STATUS',
    what: 'its host offered the repository and then answered with an HTTP error',
    next: ASK_LATER,
  },
  {
    text: /returned error: 404|^fatal: repository '[^']*' not found|ERROR: Repository not found|does not appear to be a git repository|^remote: Repository not found|: repository not found/im,
    code: 'NOT_FOUND',
    what: 'there is no such repository, says its host',
    next: 'check the path; a host may also say so of a private repository to one without credentials',
  },
  {
    text: /returned error: 410/,
    code: 'NOT_FOUND',
    what: 'the repository is gone for good, says its host (410)',
    next: 'ask its owner for the new place',
  },
  {
    text: /could not read (?:Username|Password)|terminal prompts disabled/,
    code: 'UPSTREAM_DENIED',
    what: WANTS_CREDENTIALS,
    next: CREDENTIALS,
  },
  {
    text: /Authentication failed|returned error: 401|HTTP Basic: Access denied/,
    code: 'UPSTREAM_DENIED',
    what: 'the host refused our credentials; the repository may also not exist',
    next: 'check user, password or token in vcs.credentials, and that they may read the repository',
  },
  {
    text: /Permission denied|Too many authentication failures|no mutual signature/,
    code: 'UPSTREAM_DENIED',
    what: 'the host refused our SSH key; the repository may also not exist',
    next: 'add the public key to the host, or check the ssh entry of vcs.credentials',
  },
  {
    text: /returned error: 403|could not be found or you don't have permission|access denied|not authorized|Permission to \S+ denied/i,
    code: 'UPSTREAM_DENIED',
    what: 'we may not read it (403); it may also not exist',
    next: CREDENTIALS,
  },
  {
    text: /returned error: 429|HTTP 429|rate limit/i,
    code: 'UPSTREAM_RATE_LIMITED',
    what: 'its host limits how often we may ask',
    next: 'wait; with credentials most hosts allow more',
  },
  {
    text: /returned error: 3\d\d|HTTP 3\d\d/,
    code: 'VCS_REFUSED',
    what: 'it redirects to another place',
    next: 'name its new URL in vcs.repositories, or tell whoever runs it',
    remedy: 'redirect',
  },
  {
    text: /returned error: [45]\d\d|HTTP [45]\d\d/,
    code: 'UPSTREAM_STATUS',
    what: 'its host answered with an HTTP error',
    next: ASK_LATER,
  },
  {
    text: /bad line length|pack has bad object|pack is corrupted|inflate: data stream error|serious inflate|pack signature mismatch/,
    code: 'UPSTREAM_BAD_ANSWER',
    what: 'its answer is malformed',
    next: TELL_OWNER,
    remedy: 'corrupt',
  },
  {
    text: /curl (?:18|52|55|56|92)\b|still expected|transfer closed|unexpected disconnect|Connection reset|Empty reply|early EOF|remote end hung up|Connection closed by|Broken pipe|recv failure|HTTP\/2 stream/i,
    code: 'UPSTREAM_UNREACHABLE',
    what: 'the connection broke in the middle of the answer',
    next: 'ask again; if it breaks each time, look at the host and at proxies on the way',
  },
  {
    text: /Connection timed out|Operation timed out|Timeout was reached|timed out/i,
    code: 'UPSTREAM_TIMEOUT',
    what: 'the host does not answer',
    next: CHECK_NETWORK,
  },
  {
    text: /Failed to connect|Couldn't connect|Connection refused|No route to host|Network is unreachable|unable to access|ssh: connect to host/i,
    code: 'UPSTREAM_UNREACHABLE',
    what: 'the host cannot be reached',
    next: CHECK_NETWORK,
  },
  {
    text: /not valid: is this a git repository|invalid server response|unexpected content-type|protocol error|expected (?:flush|packfile|ref|shallow)|unknown (?:capability|object-format)|invalid packet|invalid ls-refs response|not a smart/i,
    code: 'UPSTREAM_BAD_ANSWER',
    what: 'the answer is not of git, or is malformed',
    next: `${TELL_OWNER}; a login page may be in between`,
    remedy: 'corrupt',
  },
  {
    text: /inflate|invalid index-pack|index-pack (?:failed|abort)|pack (?:has|is)|did not send all necessary objects|checksum|bad sha1|corrupt|unresolved deltas|fsck error|is missing|Could not read [0-9a-f]{40}|invalid object/i,
    code: 'UPSTREAM_BAD_ANSWER',
    what: 'the repository is damaged: objects that it sent are broken, or are missing',
    next: TELL_OWNER,
    remedy: 'corrupt',
  },
  {
    text: /dumb http transport/,
    code: 'VCS_UNSUPPORTED',
    what: 'its host offers files only (the "dumb" protocol of HTTP), from which no single commit can be fetched',
    next: 'serve it by git http-backend or any git hosting software',
  },
  {
    text: /transport '\S*' not allowed|is not allowed/,
    code: 'VCS_REFUSED',
    what: 'git was asked to use a transport that is not allowed',
    next: 'name the repository by an https:// or ssh:// URL',
  },
  {
    text: /error: cannot run ssh|ssh: not found|unable to fork/,
    code: 'VCS_FAILED',
    what: 'the ssh command is missing',
    next: "install the OpenSSH client on modgate's machine",
  },
];

/** Tells a failed git of a remote. @param secrets texts that the message must not have */
export function gitFault(
  url: string,
  result: GitResult,
  limits: {
    readonly timeouts?: GitTimeouts | undefined;
    readonly secrets?: readonly string[];
    /** no credentials were shown, whatever there are */
    readonly anonymous?: boolean;
    readonly lack?: Lack | undefined;
  } = {},
): GitFault {
  const ended = endedByUs(url, result, limits.timeouts);
  if (ended !== undefined) return ended;
  const row = rowOf(result.stderr);
  const said = words(result.stderr, row?.text ?? /^(?:fatal|error): /, limits.secrets ?? []);
  if (row === undefined) {
    return new GitFault('VCS_FAILED', url, `git failed (${exitOf(result)})`, TELL_OWNER, said);
  }
  if (row.code === 'UPSTREAM_DENIED' && limits.anonymous === true)
    return new GitFault(
      row.code,
      url,
      `the host wants credentials; ${WRITTEN_ROUTES_ONLY}`,
      WRITE_ROUTE,
      said,
    );
  if (row.what === WANTS_CREDENTIALS && limits.lack !== undefined)
    return new GitFault(
      row.code,
      url,
      `the host wants credentials; ${limits.lack.why}`,
      limits.lack.next,
      said,
    );
  return new GitFault(row.code, url, row.what, row.next, said, row.remedy);
}

/** Lines that git passes on from the remote. */
const REMOTES_WORDS = /^(?:remote: |fatal: remote error: ).*$/gm;
/** What fetch tells of each ref that went well. */
const NEWS_OF_REFS = /^ [ *+=t-] .*$/gm;

/** Without what anybody may have named as he likes: a URL or a branch called "checksum" is no failure. */
function tellingPart(stderr: string): string {
  return stderr.replace(NEWS_OF_REFS, '').replace(/\b[a-z][a-z0-9+.-]*:\/\/[^\s'"]*/gi, 'URL');
}

function rowOf(stderr: string): Row | undefined {
  const telling = tellingPart(stderr);
  const ours = telling.replace(REMOTES_WORDS, '');
  return ROWS.find((row) => row.text.test(row.ours === true ? ours : telling));
}

/** Tells a git that failed in the copy here, where no word is of the remote. */
export function localFault(
  url: string,
  command: string,
  result: GitResult,
  timeouts?: GitTimeouts,
): GitFault {
  const fault = gitFault(url, result, { timeouts });
  if (fault.remedy === 'corrupt') return damaged(url, fault);
  if (result.ending !== 'exit' || rowOf(result.stderr)?.ours === true) return fault;
  const said = words(result.stderr, /^(?:fatal|error): /, []);
  return new GitFault(
    'VCS_FAILED',
    url,
    `git ${command} failed here (${exitOf(result)})`,
    CHECK_MACHINE,
    said,
  );
}

/** Of the copy here, which is fetched again. */
export function damaged(url: string, cause: GitFault): GitFault {
  const what = 'its copy is damaged, or was from the start';
  return new GitFault(cause.code, url, what, ASK_AGAIN, '', 'copy');
}

function exitOf({ code }: GitResult): string {
  return code < 0 ? 'it was killed' : `exit status ${code}`;
}

function endedByUs(url: string, result: GitResult, timeouts: GitTimeouts | undefined): GitFault | undefined {
  switch (result.ending) {
    case 'idle':
      return new GitFault(
        'UPSTREAM_TIMEOUT',
        url,
        `no byte within ${seconds(timeouts?.idle)}`,
        CHECK_NETWORK,
      );
    case 'total':
      return new GitFault(
        'UPSTREAM_TIMEOUT',
        url,
        `not done within ${seconds(timeouts?.total)}`,
        'ask again when the network is faster, or raise vcs.timeouts.total',
      );
    case 'limit':
      // STDOUT_LIMIT of git.ts, or that of the call.
      return new GitFault(
        'REPOSITORY_TOO_LARGE',
        url,
        'its list of branches, tags or files is longer than modgate reads',
        'remove branches and tags that nobody needs; no setting raises this bound',
      );
    default:
      return undefined;
  }
}

const seconds = (ms = 0) => (ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`);

/** Of a copy that would be larger than `vcs.repository`. @param largest bytes */
export function tooLarge(url: string, largest: number): GitFault {
  return new GitFault(
    'REPOSITORY_TOO_LARGE',
    url,
    `its copy would be larger than ${binarySize(largest)}, the bound of vcs.repository`,
    'raise vcs.repository if it is meant to be that large',
  );
}

function binarySize(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(bytes) / 10)));
  return `${Number((bytes / 1024 ** power).toFixed(2))} ${units[power]}`;
}

/** bytes of git's own words in a message */
const MAX_SAID = 200;

/** The line that decided, else the last one. Foreign: the remote's lines are in it too. */
function words(stderr: string, decided: RegExp, secrets: readonly string[]): string {
  const lines = stderr.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  const line = lines.find((one) => decided.test(tellingPart(one))) ?? lines.at(-1) ?? '';
  return scrubbed(line, secrets).slice(0, MAX_SAID);
}

/** Without secrets, and without the user info of any URL. */
export function scrubbed(text: string, secrets: readonly string[]): string {
  return withoutSecrets(text, secrets)
    .replace(/:\/\/[^/@\s]*@/g, '://')
    .replace(/[^\x20-\x7e]/g, '?');
}
