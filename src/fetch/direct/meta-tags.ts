/**
 * The go-import tags of a page, as the go command's lenient XML reader finds them: up to the end of the head or the
 * begin of the body, or to where the page stops being XML at all. All of it is hostile. More lenient than Go's in one
 * way: bytes that are no UTF-8, and control characters, do not end the reading.
 */
export interface MetaTag {
  readonly prefix: string;
  readonly vcs: string;
  readonly url: string;
  /** "" where the tag has three fields */
  readonly subdirectory: string;
}

export interface MetaTags {
  /** `mod` entries first; without those that a `mod` entry of the same prefix stands for */
  readonly tags: readonly MetaTag[];
  /** why reading ended before the page did; undefined where it did not */
  readonly fault: string | undefined;
}

/** A page has hardly any; whoever asks for a path may name a page that has nothing else. */
const MOST_TAGS = 1000;
export const TOO_MANY_TAGS = `more than ${MOST_TAGS} go-import tags`;

/** Whether a prefix holds a path: it, or what lies below it. */
export function holds(prefix: string, path: string): boolean {
  return path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
}

/** @param page its first bytes, up to the caller's bound */
export function parseMetaTags(page: Buffer): MetaTags {
  const { found, fault } = readHead(new Markup(page.toString('utf8')));
  const mod = found.filter(({ vcs }) => vcs === 'mod');
  const have = new Set(mod.map(({ prefix }) => prefix));
  return { tags: [...mod, ...found.filter(({ vcs, prefix }) => vcs !== 'mod' && !have.has(prefix))], fault };
}

function readHead(markup: Markup): { found: MetaTag[]; fault: string | undefined } {
  const found: MetaTag[] = [];
  try {
    for (let token = markup.next(); token !== undefined; token = markup.next()) {
      const name = token.name.toLowerCase();
      if (name === (token.kind === 'start' ? 'body' : 'head')) break;
      const tag = token.kind === 'start' && name === 'meta' ? readTag(token.attributes) : undefined;
      if (tag !== undefined && found.push(tag) > MOST_TAGS) return { found, fault: TOO_MANY_TAGS };
    }
  } catch (thrown) {
    if (thrown instanceof NotMarkup) return { found, fault: thrown.message };
    throw thrown;
  }
  return { found, fault: undefined };
}

/** What Go's strings.Fields takes for space. */
const SPACE = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

function readTag(attributes: readonly Attribute[]): MetaTag | undefined {
  if (attribute(attributes, 'name') !== 'go-import') return undefined;
  const fields = attribute(attributes, 'content')
    .split(SPACE)
    .filter((field) => field !== '');
  const [prefix, vcs, url, subdirectory = '', more] = fields;
  if (prefix === undefined || vcs === undefined || url === undefined || more !== undefined) return undefined;
  return { prefix, vcs, url, subdirectory };
}

function attribute(attributes: readonly Attribute[], name: string): string {
  return attributes.find((one) => one.name.toLowerCase() === name)?.value ?? '';
}

interface Attribute {
  readonly name: string;
  readonly value: string;
}

interface Token {
  readonly kind: 'start' | 'end';
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

class NotMarkup extends Error {}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', apos: "'", quot: '"' };

/** About what XML 1.0 takes for a name. */
const NAME = /^[\p{L}_:][\p{L}\p{N}\p{M}_:.\xb7-]*$/u;

/** Tags in their order; text, comments and instructions are passed over. Each character is looked at a few times. */
class Markup {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Undefined at the end of the page. Throws NotMarkup. */
  next(): Token | undefined {
    for (;;) {
      const open = this.#text.indexOf('<', this.#at);
      const text = this.#text.slice(this.#at, open < 0 ? undefined : open);
      if (text.includes(']]>')) throw this.#fault('"]]>" in text');
      if (open < 0) return undefined;
      this.#at = open + 1;
      if (this.#take('!')) this.#declaration();
      else if (this.#take('?')) this.#instruction();
      else return this.#take('/') ? this.#end() : this.#start();
    }
  }

  #declaration(): void {
    if (this.#take('--')) this.#comment();
    else if (this.#take('[CDATA[')) this.#skipPast(']]>', 'a CDATA section');
    else if (this.#take('-') || this.#take('[')) throw this.#fault('half of a comment or of CDATA');
    else this.#directive();
  }

  #start(): Token {
    const name = this.#localName('a tag');
    const attributes: Attribute[] = [];
    for (;;) {
      this.#space();
      if (this.#take('>')) break;
      if (this.#take('/')) {
        if (!this.#take('>')) throw this.#fault('"/" in a tag without ">" behind it');
        break;
      }
      attributes.push(this.#attribute());
    }
    return { kind: 'start', name, attributes };
  }

  #end(): Token {
    const name = this.#localName('an end tag');
    this.#space();
    if (!this.#take('>')) throw this.#fault('an end tag that holds more than its name');
    return { kind: 'end', name, attributes: [] };
  }

  #attribute(): Attribute {
    const name = this.#localName('an attribute');
    this.#space();
    if (!this.#take('=')) return { name, value: name };
    this.#space();
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'") return { name, value: this.#run(/[A-Za-z0-9_:-]*/y) };
    const start = this.#at + 1;
    const end = this.#text.indexOf(quote, start);
    if (end < 0) throw this.#fault('a quoted value without an end');
    const value = this.#text.slice(start, end);
    if (value.includes('<')) throw this.#fault('"<" in a quoted value');
    this.#at = end + 1;
    return { name, value: unescapeEntities(value) };
  }

  #name(of: string): string {
    const name = this.#run(/[A-Za-z0-9_:.\x80-\u{10ffff}-]*/uy);
    if (NAME.test(name)) return name;
    throw this.#fault(`no name where ${of} needs one`);
  }

  /** Without its namespace. */
  #localName(of: string): string {
    const name = this.#name(of);
    const parts = name.split(':');
    if (parts.length > 2) throw this.#fault('a name with two colons');
    const [space = '', local = ''] = parts;
    return space === '' || local === '' ? name : local;
  }

  #comment(): void {
    const dashes = this.#text.indexOf('--', this.#at);
    if (dashes < 0) throw this.#fault('a comment without an end');
    if (this.#text[dashes + 2] !== '>') throw this.#fault('"--" inside a comment');
    this.#at = dashes + 3;
  }

  /** `<!DOCTYPE …>`, with quotes, comments and angle brackets inside. */
  #directive(): void {
    const mark = /["'<>]/g;
    let depth = 0;
    // Whatever stands first in it counts for nothing.
    this.#at += 1;
    for (;;) {
      mark.lastIndex = this.#at;
      const found = mark.exec(this.#text)?.[0];
      if (found === undefined) throw this.#fault('a directive without an end');
      this.#at = mark.lastIndex;
      if (found === '"' || found === "'") this.#skipPast(found, 'a quoted part of a directive');
      else if (found === '<') {
        if (this.#take('!--')) this.#skipPast('-->', 'a comment in a directive');
        else depth++;
      } else if (depth-- === 0) return;
    }
  }

  #instruction(): void {
    const target = this.#name('an instruction');
    const start = this.#at;
    this.#skipPast('?>', 'an instruction');
    if (target !== 'xml') return;
    const content = this.#text.slice(start, this.#at - 2);
    const [version, encoding] = [declared(content, 'version'), declared(content, 'encoding')];
    if (version !== '' && version !== '1.0') throw this.#fault('XML of another version than 1.0');
    if (!/^(?:|utf-8|ascii)$/i.test(encoding)) throw this.#fault('an encoding other than UTF-8 and ASCII');
  }

  #skipPast(end: string, what: string): void {
    const found = this.#text.indexOf(end, this.#at);
    if (found < 0) throw this.#fault(`${what} without an end`);
    this.#at = found + end.length;
  }

  #space(): void {
    this.#run(/[ \t\r\n]*/y);
  }

  /** @param pattern sticky, of what may come next */
  #run(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #fault(what: string): NotMarkup {
    const before = this.#text.slice(0, this.#at);
    return new NotMarkup(`${what}, in line ${before.split('\n').length}`);
  }
}

/** A value of `<?xml version="1.0" encoding="…"?>`; "" where there is none. */
function declared(content: string, name: string): string {
  return new RegExp(`(?:^|\\s)${name}=(?:"([^"]*)"|'([^']*)')`).exec(content)?.slice(1).join('') ?? '';
}

/** XML's own five and numbers; whatever else begins with "&" stands for itself. */
function unescapeEntities(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/&(?:#(\d+)|#x([0-9A-Fa-f]+)|([a-z]+));/g, (whole, decimal, hex, name) => {
      if (name !== undefined) return Object.hasOwn(ENTITIES, name) ? (ENTITIES[name] ?? whole) : whole;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      if (code > 0x10ffff) return whole;
      return code >= 0xd800 && code <= 0xdfff ? '\ufffd' : String.fromCodePoint(code);
    });
}
