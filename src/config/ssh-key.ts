/** `-----BEGIN OPENSSH PRIVATE KEY-----`: see PROTOCOL.key of OpenSSH. */
const OPENSSH = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----/;
const PEM = /-----BEGIN (?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY-----[\s\S]+?-----END /;
const MAGIC = 'openssh-key-v1\0';

/** What keeps ssh from using a private key without asking anybody, in words that follow its name. */
export function sshKeyFault(text: string): string | undefined {
  const own = OPENSSH.exec(text)?.[1];
  if (own !== undefined) {
    const cipher = cipherOf(Buffer.from(own, 'base64'));
    if (cipher === undefined) return 'holds a damaged private key';
    return cipher === 'none' ? undefined : PASSPHRASE;
  }
  if (!PEM.test(text)) return 'holds no private key of ssh';
  return /BEGIN ENCRYPTED |^Proc-Type: *4, *ENCRYPTED/m.test(text) ? PASSPHRASE : undefined;
}

const PASSPHRASE = 'has a passphrase, which nobody is there to type; ssh-keygen -p takes it away';

/** The first string behind the magic. */
function cipherOf(bytes: Buffer): string | undefined {
  const at = MAGIC.length;
  if (bytes.toString('latin1', 0, at) !== MAGIC || bytes.length < at + 4) return undefined;
  const end = at + 4 + bytes.readUInt32BE(at);
  return end <= bytes.length ? bytes.toString('latin1', at + 4, end) : undefined;
}
