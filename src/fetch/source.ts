import type { Readable } from 'node:stream';
import type { ModgateError } from '../errors/index.ts';
import type { ModulePath, ModuleVersion, Version } from '../module/index.ts';
import type { Links } from '../net/index.ts';

/** Kinds of file that a GOPROXY keeps for a version. */
export type FileKind = 'info' | 'mod' | 'zip';

/** The answer to a query: what `.info` and `@latest` hold. */
export interface VersionInfo {
  readonly version: Version;
  /** the JSON as the origin wrote it, so that Time and Origin survive */
  readonly bytes: Buffer;
}

/** A file on its way from a source. Whoever gets one reads it to its end or destroys it. */
export interface SourceFile {
  readonly body: Readable;
  /** bytes, where the source told */
  readonly length: number | undefined;
  /** name of the source, and where in it; for messages */
  readonly source: string;
  readonly url: string;
  readonly trace: Trace;
  /** undefined where the source knows of none, or the `.info` that names it is stored */
  readonly origin?: FileOrigin | undefined;
}

/** What a file was made of, where that can change while its version stays. */
export interface FileOrigin {
  /** the `.info` that names it, to be stored before the file is */
  readonly info: Buffer;
  /** Throws where the `.info` that is stored, which may have come first, names something else. */
  hold(stored: Buffer): void;
}

/** ms */
export interface TraceLinks extends Links {
  /** until it was known where the code of the module is */
  root?: number;
  /** with a repository */
  git?: number;
}

/** Where an answer came from and how long each link took. */
export interface Trace {
  readonly source: string;
  readonly links: TraceLinks;
  /** URL without user info, where it was made from a repository */
  readonly repository?: string;
}

export interface Traced<T> {
  readonly value: T;
  readonly trace: Trace;
}

/** Who can be asked for the files of a checksum database. */
export interface SumdbSource {
  readonly name: string;
  /** A file below `/sumdb/<name>/`, as the bytes it holds. */
  sumdb(name: string, endpoint: string, signal: AbortSignal): Promise<Traced<Buffer>>;
  /** "closed" where it may be asked; a source without a breaker is always so. */
  readonly state: 'closed' | 'half-open' | 'open';
  close(): Promise<void>;
}

/**
 * Where modules come from. NOT_FOUND only where the origin itself said so; every other fault keeps its own
 * code. What it returns is not trusted: the gateway checks it before anyone gets the last byte.
 */
export interface Source extends SumdbSource {
  /** true: it is the origin itself, so that what was pushed a moment ago is expected of it */
  readonly isOrigin?: boolean;
  /** True for a failure that lets the absence stand which a source before it told. */
  yields?(error: ModgateError): boolean;
  /** Canonical versions, no pseudo-versions, in semver order; empty for an untagged module. */
  list(path: ModulePath, signal: AbortSignal): Promise<Traced<readonly Version[]>>;
  /** `latest`, a branch, a commit or a version prefix. */
  query(path: ModulePath, query: string, signal: AbortSignal): Promise<Traced<VersionInfo>>;
  file(m: ModuleVersion, kind: FileKind, signal: AbortSignal): Promise<SourceFile>;
}
