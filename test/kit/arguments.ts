/** Arguments of the programs for developers: what is none of theirs ends them with one line and the usage. */

/** Exit code 2 where `read` throws. */
export function readArguments<T>(usage: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${usage}`);
    process.exit(2);
  }
}

export function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`${flag} ${text}: a whole number from ${least} on is needed`);
}
