/** characters; to mask a shorter text would garble every message and hide nothing */
const SHORTEST = 4;

/** A password in the forms in which a program may repeat it: plain, percent-encoded, in base64, as Basic sends it. */
export function secretForms(username: string, password: string): readonly string[] {
  const forms = [
    password,
    encodeURIComponent(password),
    encodeURI(password),
    Buffer.from(password).toString('base64'),
    Buffer.from(password).toString('base64url'),
    Buffer.from(`${username}:${password}`).toString('base64'),
  ];
  return [...new Set(forms.flatMap((form) => [form, form.replace(/=+$/, '')]))].filter(
    (form) => form.length >= SHORTEST,
  );
}

/** The text with "[secret]" in the place of every secret in it. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  // The longest first: a shorter one may be a part of it.
  return [...secrets]
    .filter((secret) => secret.length >= SHORTEST)
    .sort((a, b) => b.length - a.length)
    .reduce((left, secret) => left.replaceAll(secret, '[secret]'), text);
}
