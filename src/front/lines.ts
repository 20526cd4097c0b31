/** Lines of a configuration file; a list within the list stands one step further in. */
export type Part = string | readonly Part[];

export function render(parts: readonly Part[], indent: string, depth = 0): string {
  return parts
    .map((part) =>
      typeof part === 'string'
        ? part === ''
          ? '\n'
          : `${indent.repeat(depth)}${part}\n`
        : render(part, indent, depth + 1),
    )
    .join('');
}

/** `head {`, the body one step further in, `}`: as nginx and Caddy write it. */
export function block(head: string, body: readonly Part[]): Part[] {
  return [`${head} {`, body, '}'];
}

export function when(condition: boolean, ...parts: readonly Part[]): readonly Part[] {
  return condition ? parts : [];
}

/** The only quoting that is needed: what could end a quoted text or begin a variable never gets this far. */
export function quoted(text: string): string {
  return `"${text}"`;
}
