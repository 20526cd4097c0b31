import {
  Alias,
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';

export type Path = readonly (string | number)[];

export interface Position {
  /** 1.. */
  readonly line: number;
  /** 1.. */
  readonly column: number;
}

export interface SyntaxFault extends Position {
  readonly what: string;
}

/** Aliases can make a small file a huge value; a configuration has use for a few. */
const MAX_ALIASES = 50;

/**
 * What a code of the yaml package says, in our words: its own messages can repeat a piece of the file, which
 * may be a password.
 */
const SYNTAX: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'bad alias, or one of an anchor that does not stand before it',
  BAD_DQ_ESCAPE: 'bad escape in a text in double quotes',
  BAD_INDENT: 'bad indentation',
  BAD_SCALAR_START: 'a text that starts with this character needs quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a key and its value on one line cannot hold another key; a text with ": " needs quotes',
  DUPLICATE_KEY: 'this key stands twice',
  MISSING_CHAR: 'a bracket, quote, comma, colon or space is missing',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line, with a colon after it',
  MULTIPLE_DOCS: 'the file holds more than one document',
  NON_STRING_KEY: 'a key must be text',
  TAB_AS_INDENT: 'tabs cannot indent; use spaces',
  TAG_RESOLVE_FAILED: 'unknown tag, or one that does not fit its value',
  UNEXPECTED_TOKEN: 'something stands here that YAML does not allow',
};

/** A configuration file as plain values that still know where they stand. */
export class ConfigDocument {
  /** as in the file, of a key that stands twice the last; undefined where the file is empty or no YAML */
  readonly value: unknown;
  readonly faults: readonly SyntaxFault[];
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;

  /** Never throws: what is wrong with the text stands in `faults`. */
  constructor(text: string) {
    this.#lines = new LineCounter();
    // Keys are compared below by a set: the package compares each with each.
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: false,
      // 'silent' would let a second document pass.
      logLevel: 'error',
    });
    const faults = [...this.#document.errors, ...this.#document.warnings].map((error) => ({
      ...this.#position(error.pos[0]),
      what: SYNTAX[error.code] ?? 'this is not YAML',
    }));
    const { keys, aliases } = this.#namesInPlace();
    const unreadable = faults.length > 0 ? faults : aliases;
    this.faults = unreadable.length > 0 ? unreadable : keys;
    this.value = unreadable.length > 0 ? undefined : this.#document.toJS({ maxAliasCount: MAX_ALIASES });
  }

  /** Where the value, or with `key` its key, stands; undefined where the file does not have it. */
  place(path: Path, key: boolean): Position | undefined {
    let node: unknown = this.#document.contents;
    let keyNode: unknown;
    for (const step of path) {
      const parent = this.#resolve(node);
      if (isMap(parent)) {
        const pair = parent.items.find(
          (item) => isScalar(item.key) && String(item.key.value) === String(step),
        );
        if (pair === undefined) return undefined;
        keyNode = pair.key;
        node = pair.value ?? pair.key;
      } else if (isSeq(parent)) {
        node = parent.items[Number(step)];
        keyNode = node;
      } else return undefined;
    }
    return this.#positionOf(key ? (keyNode ?? node) : node);
  }

  #resolve(node: unknown): unknown {
    return node instanceof Alias ? node.resolve(this.#document) : node;
  }

  #positionOf(node: unknown): Position | undefined {
    const range = isNodeWithRange(node) ? node.range : undefined;
    return range ? this.#position(range[0]) : undefined;
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #namesInPlace(): { keys: SyntaxFault[]; aliases: SyntaxFault[] } {
    const keys: SyntaxFault[] = [];
    const aliases: SyntaxFault[] = [];
    visit(this.#document, {
      Alias: (_, alias) => {
        if (alias.resolve(this.#document) !== undefined) return;
        aliases.push({
          ...(this.#positionOf(alias) ?? { line: 1, column: 1 }),
          what: SYNTAX.BAD_ALIAS ?? '',
        });
      },
      Map: (_, map) => {
        const seen = new Set<string>();
        for (const { key } of map.items) {
          if (!isScalar(key)) continue;
          const name = String(key.value);
          const at = this.#positionOf(key) ?? { line: 1, column: 1 };
          if (seen.has(name)) keys.push({ ...at, what: 'this key stands twice' });
          // zod leaves this key out of records without a word.
          if (name === '__proto__') keys.push({ ...at, what: 'this key is not allowed' });
          seen.add(name);
        }
      },
    });
    return { keys, aliases };
  }
}

function isNodeWithRange(node: unknown): node is Pick<Node, 'range'> {
  return typeof node === 'object' && node !== null && 'range' in node;
}
