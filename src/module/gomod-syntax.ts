/**
 * The syntax of go.mod files below the meaning of directives (x/mod modfile/read.go): lines of tokens, blocks
 * in parentheses, `//` comments. Hostile input: every file comes out of a module that anybody may publish.
 */
import { ModgateError } from '../errors/index.ts';

/** One directive, alone on its line or a line of a block, whose verb then comes first here. */
export interface Statement {
  /** 1-based */
  readonly line: number;
  /** verb and arguments; strings still quoted */
  readonly tokens: readonly string[];
  /** tokens before the parenthesis of the block that it is in, 0 outside of blocks */
  readonly blockHead: number;
  /** texts of the comments on the lines before, else at the end of the line, else before the block */
  readonly comments: readonly string[];
  /** text of the comment at the end of the line */
  readonly suffix: string | undefined;
}

type Kind = 'word' | 'string' | 'punctuation' | 'newline' | 'comment' | 'suffix' | 'end';

interface Token {
  readonly kind: Kind;
  readonly text: string;
  readonly line: number;
}

export function goModError(line: number, why: string): ModgateError {
  return new ModgateError('INVALID_MODULE', `go.mod:${line}: ${why}`);
}

const BLANKS = /[ \t\r]*/y;
const COMMENT = /\/\/([^\n]*)\n?/y;
const PUNCTUATION = '()[]{},';
/** unicode.IsPrint without space and the punctuation above */
const WORD_RUNE = /[\p{L}\p{M}\p{N}\p{P}\p{S}]/uy;

class Lexer {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = true;

  constructor(text: string) {
    this.#text = text;
  }

  next(): Token {
    this.#skip(BLANKS);
    const line = this.#line;
    if (this.#at >= this.#text.length) return { kind: 'end', text: '', line };
    if (this.#text.startsWith('//', this.#at)) return this.#comment(line);
    if (this.#text.startsWith('/*', this.#at)) throw this.#blockComment();
    const first = this.#text.charAt(this.#at);
    if (first === '\n') {
      this.#at++;
      this.#newline();
      return { kind: 'newline', text: '\n', line };
    }
    this.#lineStart = false;
    if (PUNCTUATION.includes(first)) {
      this.#at++;
      return { kind: 'punctuation', text: first, line };
    }
    return first === '"' || first === '`' ? this.#string(first, line) : this.#word(line);
  }

  #skip(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #newline(): void {
    this.#line++;
    this.#lineStart = true;
  }

  /** A comment takes the end of its line with it. */
  #comment(line: number): Token {
    const kind = this.#lineStart ? 'comment' : 'suffix';
    const match = this.#skip(COMMENT);
    this.#newline();
    return { kind, text: (match?.[1] ?? '').trim(), line };
  }

  #string(quote: string, line: number): Token {
    const start = this.#at++;
    for (;;) {
      const char = this.#text.charAt(this.#at);
      if (char === '') throw goModError(line, 'unexpected end of file in string');
      if (char === '\n') throw goModError(line, 'unexpected newline in string');
      this.#at++;
      if (char === quote) return { kind: 'string', text: this.#text.slice(start, this.#at), line };
      if (char !== '\\' || quote === '`') continue;
      // As in Go, an escaped newline passes here and is refused when the string is read.
      if (this.#text.charAt(this.#at++) === '\n') this.#line++;
    }
  }

  #word(line: number): Token {
    const start = this.#at;
    for (;;) {
      if (this.#text.startsWith('//', this.#at)) break;
      if (this.#text.startsWith('/*', this.#at)) throw this.#blockComment();
      const char = this.#text.charAt(this.#at);
      if (char === '' || PUNCTUATION.includes(char) || this.#skip(WORD_RUNE) === null) break;
    }
    if (this.#at === start) {
      const rune = String.fromCodePoint(this.#text.codePointAt(start) ?? 0);
      throw goModError(line, `unexpected input character ${JSON.stringify(rune)}`);
    }
    return { kind: 'word', text: this.#text.slice(start, this.#at), line };
  }

  #blockComment(): ModgateError {
    return goModError(this.#line, 'mod files must use // comments (not /* */ comments)');
  }
}

function endsLine(kind: Kind): boolean {
  return kind === 'end' || kind === 'suffix' || kind === 'newline';
}

class Parser {
  readonly #lexer: Lexer;
  #peeked: Token;

  constructor(text: string) {
    this.#lexer = new Lexer(text);
    this.#peeked = this.#lexer.next();
  }

  #take(): Token {
    const token = this.#peeked;
    this.#peeked = token.kind === 'end' ? token : this.#lexer.next();
    return token;
  }

  *file(): Generator<Statement> {
    let comments: string[] = [];
    for (;;) {
      switch (this.#peeked.kind) {
        case 'end':
          return;
        case 'newline':
          // A blank line parts comments from what follows.
          this.#take();
          comments = [];
          break;
        case 'comment':
          comments.push(this.#take().text);
          break;
        default:
          yield* this.#statement(comments);
          comments = [];
      }
    }
  }

  *#statement(comments: readonly string[]): Generator<Statement> {
    const first = this.#take();
    const tokens = [first.text];
    for (;;) {
      const token = this.#take();
      if (endsLine(token.kind)) {
        yield { line: first.line, tokens, blockHead: 0, ...commentsOf(comments, token, []) };
        return;
      }
      if (token.kind === 'punctuation' && token.text === '(') {
        if (endsLine(this.#peeked.kind)) {
          yield* this.#block(first.line, tokens, comments);
          return;
        }
        if (this.#peeked.text === ')' && this.#peeked.kind === 'punctuation') {
          const close = this.#take();
          if (endsLine(this.#peeked.kind)) {
            this.#take();
            return;
          }
          tokens.push(token.text, close.text);
          continue;
        }
      }
      tokens.push(token.text);
    }
  }

  *#block(start: number, head: readonly string[], outer: readonly string[]): Generator<Statement> {
    let comments: string[] = [];
    for (;;) {
      const { kind, text } = this.#peeked;
      if (kind === 'newline' || kind === 'suffix') {
        this.#take();
      } else if (kind === 'comment') {
        comments.push(this.#take().text);
      } else if (kind === 'end') {
        throw goModError(this.#peeked.line, `unterminated block started at line ${start}`);
      } else if (kind === 'punctuation' && text === ')') {
        const { line } = this.#take();
        if (!endsLine(this.#peeked.kind))
          throw goModError(line, 'expected newline after closing parenthesis');
        this.#take();
        return;
      } else {
        yield this.#blockLine(head, comments, outer);
        comments = [];
      }
    }
  }

  #blockLine(head: readonly string[], comments: readonly string[], outer: readonly string[]): Statement {
    const first = this.#take();
    const tokens = [...head, first.text];
    for (;;) {
      const token = this.#take();
      if (endsLine(token.kind)) {
        return { line: first.line, tokens, blockHead: head.length, ...commentsOf(comments, token, outer) };
      }
      tokens.push(token.text);
    }
  }
}

function commentsOf(before: readonly string[], last: Token, outer: readonly string[]) {
  const suffix = last.kind === 'suffix' ? last.text : undefined;
  const own = suffix === undefined ? before : [...before, suffix];
  return { comments: own.length === 0 ? outer : own, suffix };
}

/** The statements of a go.mod text in order; INVALID_MODULE with the line for what is no go.mod syntax. */
export function readStatements(text: string): Iterable<Statement> {
  return new Parser(text).file();
}
