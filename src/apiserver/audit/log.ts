// AuditLog: a file with one event a line, put aside when it has become large.
import { closeSync, fstatSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import type { Clock } from '../../apimachinery/clock.js';
import type { Logger } from '../../apimachinery/logger.js';

export interface AuditLogOptions {
  /** `-` is standard output. */
  readonly path: string;
  /** Past it the file is put aside. */
  readonly maxSize_bytes: number;
  /** How many that were put aside are kept; 0: all. */
  readonly maxBackups: number;
  /** How long they are kept; 0: for ever. */
  readonly maxAge_ms: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const STDOUT = 1;

export class AuditLog {
  #file: number;
  #size_bytes: number;

  /** Throws where the file cannot be opened. */
  constructor(private readonly options: AuditLogOptions) {
    this.#file = this.#isFile ? openSync(options.path, 'a', 0o600) : STDOUT;
    this.#size_bytes = this.#isFile ? fstatSync(this.#file).size : 0;
  }

  get #isFile(): boolean {
    return this.options.path !== '-';
  }

  /** As upstream by default, a request goes on once its event is written, so that nothing waits in memory. */
  write(event: object): void {
    const line = Buffer.from(`${JSON.stringify(event)}\n`);
    try {
      if (this.#isFile && this.#size_bytes > 0 && this.#size_bytes + line.length > this.options.maxSize_bytes) this.#putAside();
      writeSync(this.#file, line);
      this.#size_bytes += line.length;
    } catch (error) {
      this.options.log.error({ error: (error as Error).message }, 'an audit event could not be written');
    }
  }

  close(): void {
    if (this.#isFile) closeSync(this.#file);
  }

  #putAside(): void {
    const { path, clock, maxBackups, maxAge_ms } = this.options;
    const extension = extname(path);
    const stem = join(dirname(path), basename(path, extension));
    const now_ms = clock.now();
    closeSync(this.#file);
    renameSync(path, `${stem}-${timeText(now_ms)}${extension}`);
    this.#file = openSync(path, 'a', 0o600);
    this.#size_bytes = 0;
    const backups = readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(stem)}-`) && name.endsWith(extension));
    const many = maxBackups === 0 ? [] : backups.sort().slice(0, -maxBackups);
    const oldest = `${stem}-${timeText(now_ms - maxAge_ms)}`;
    const old = maxAge_ms === 0 ? [] : backups.filter((name) => join(dirname(path), name) < oldest);
    for (const name of new Set([...many, ...old])) rmSync(join(dirname(path), name));
  }
}

/** For names, which sort by it. */
const timeText = (ms: number) => new Date(ms).toISOString().replace('Z', '').replaceAll(':', '-');
