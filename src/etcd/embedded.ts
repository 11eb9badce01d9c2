// EmbeddedBackend: what the store of this process can do beyond the Backend contract, for its own maintenance.
import type { Backend } from './backend.js';
import type { Database } from './database.js';

export interface EmbeddedBackend extends Backend {
  /** The database under the store, to be read only: snapshots and hashes take it as it lies. */
  readonly database: Database;
  /** Rejects with EtcdError DATA_LOSS where files of the database are not what was written. */
  verify(): Promise<void>;
  /** Rewrites the database without what was deleted from it; reads and writes go on meanwhile. */
  defragment(): Promise<void>;
}
