import type { Loaded, ReadFile } from '../config/index.ts';
import type { Logger } from '../observe/index.ts';
import type { Reloader } from './reloader.ts';
import type { Build } from './version.ts';

/** What a gateway is started with besides its configuration. */
export interface Serving {
  readonly load: (read: ReadFile) => Loaded;
  readonly logger: Logger;
  readonly build: Build;
}

/** A gateway that runs, in this process or in others. */
export interface Server {
  /** where it listens, e.g. http://127.0.0.1:3000 */
  readonly url: string;
  /** where the administrative listener is, '' for a socket; undefined: there is none */
  readonly adminUrl: string | undefined;
  readonly reloader: Reloader;
  close(): Promise<void>;
  /** Ends what would outlive this process. */
  kill(): void;
}
