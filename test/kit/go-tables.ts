/** Tables of tests in Go source text: as much of Go's composite literals as they are written in. */

export type GoValue = string | number | Date | undefined | readonly GoValue[];
export type GoRow = ReadonlyMap<string, GoValue>;

const TOKEN =
  /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|("(?:[^"\\\n]|\\.)*")|`([^`]*)`|([A-Za-z_][\w.]*)|(\d+)|([[\]{}():,+])/y;

interface Token {
  readonly kind: 'text' | 'name' | 'number' | 'mark';
  readonly text: string;
}

/** The rows of `var name = []T{ {key: value, …}, … }`, T a name or a struct written out. */
export function goTable(source: string, name: string): GoRow[] {
  const declared = new RegExp(`^var ${name} = \\[\\](?:struct \\{[^}]*\\}|\\w+)`, 'm').exec(source);
  if (declared === null) throw new Error(`no table ${name}`);
  return new Reader(source, declared.index + declared[0].length).rows();
}

class Reader {
  readonly #source: string;
  #at: number;
  #peeked: Token | undefined;

  constructor(source: string, at: number) {
    this.#source = source;
    this.#at = at;
  }

  rows(): GoRow[] {
    const rows: GoRow[] = [];
    this.#expect('{');
    while (!this.#skip('}')) {
      rows.push(this.#row());
      this.#skip(',');
    }
    return rows;
  }

  #row(): GoRow {
    const row = new Map<string, GoValue>();
    this.#expect('{');
    while (!this.#skip('}')) {
      const { text } = this.#next();
      this.#expect(':');
      row.set(text, this.#value());
      this.#skip(',');
    }
    return row;
  }

  #value(): GoValue {
    const token = this.#next();
    if (token.kind === 'number') return Number(token.text);
    if (token.kind === 'text') return this.#skip('+') ? token.text + String(this.#value()) : token.text;
    if (token.text === '[') {
      this.#expect(']');
      this.#next();
      return this.#values('{', '}');
    }
    if (token.text === 'nil' || token.text === 'time.UTC') return undefined;
    if (token.text === 'time.Date') {
      const [year = 0, month = 1, day, hour, minute, second] = this.#values('(', ')').map(Number);
      return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
    }
    throw new Error(`a value that is not understood: ${token.text}`);
  }

  #values(open: string, close: string): GoValue[] {
    const values: GoValue[] = [];
    this.#expect(open);
    while (!this.#skip(close)) {
      values.push(this.#value());
      this.#skip(',');
    }
    return values;
  }

  #expect(mark: string): void {
    const { text } = this.#next();
    if (text !== mark) throw new Error(`${JSON.stringify(mark)} expected, not ${JSON.stringify(text)}`);
  }

  #skip(mark: string): boolean {
    const token = this.#peeked ?? this.#read();
    const found = token.kind === 'mark' && token.text === mark;
    this.#peeked = found ? undefined : token;
    return found;
  }

  #next(): Token {
    const token = this.#peeked ?? this.#read();
    this.#peeked = undefined;
    return token;
  }

  #read(): Token {
    for (;;) {
      TOKEN.lastIndex = this.#at;
      const match = TOKEN.exec(this.#source);
      if (match === null) throw new Error(`not understood: ${this.#source.slice(this.#at, this.#at + 40)}`);
      this.#at = TOKEN.lastIndex;
      const [, quoted, raw, name, number, mark] = match;
      if (quoted !== undefined) return { kind: 'text', text: JSON.parse(quoted) };
      if (raw !== undefined) return { kind: 'text', text: raw };
      if (name !== undefined) return { kind: 'name', text: name };
      if (number !== undefined) return { kind: 'number', text: number };
      if (mark !== undefined) return { kind: 'mark', text: mark };
    }
  }
}
