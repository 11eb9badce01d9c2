// Where a pod's files lie on the node: upstream's layout below --root-dir. The small ones that a pod begins with are written on the spot
// (see ARCHITECTURE.md).
import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unmountBelow } from '../volumes/mount.js';

/** Upstream's bound of a termination message: its end counts. */
const MESSAGE_MAX_BYTES = 4096;

export class PodDirs {
  constructor(readonly root: string) {}

  private get pods(): string {
    return join(this.root, 'pods');
  }

  pod(uid: string): string {
    return join(this.pods, uid);
  }

  hosts(uid: string): string {
    return join(this.pod(uid), 'etc-hosts');
  }

  resolvConf(uid: string): string {
    return join(this.pod(uid), 'resolv.conf');
  }

  hostname(uid: string): string {
    return join(this.pod(uid), 'hostname');
  }

  /** The pod's directory, which others than root may not look into. */
  async make(uid: string): Promise<void> {
    mkdirSync(this.pods, { recursive: true });
    mkdirSync(this.pod(uid), { recursive: true, mode: 0o750 });
  }

  /** An empty file for a container's last words, one a run, which any user in the container may write. */
  async makeMessageFile(uid: string, container: string, attempt: number): Promise<string> {
    const directory = join(this.pod(uid), 'containers', container);
    mkdirSync(directory, { recursive: true });
    const path = join(directory, String(attempt));
    writeFileSync(path, '');
    // Apart from writing, where the umask would cut it.
    chmodSync(path, 0o666);
    return path;
  }

  async readMessage(path: string): Promise<string> {
    const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (!file) return '';
    try {
      const { size } = await file.stat();
      const from = Math.max(0, size - MESSAGE_MAX_BYTES);
      const { bytesRead, buffer } = await file.read(Buffer.alloc(MESSAGE_MAX_BYTES), 0, MESSAGE_MAX_BYTES, from);
      return buffer.subarray(0, bytesRead).toString('utf8');
    } finally {
      await file.close();
    }
  }

  /** An empty file where there is none yet: a mount needs it before its contents are known. */
  async touch(path: string): Promise<void> {
    closeSync(openSync(path, 'a', 0o644));
  }

  /** In place: containers have the file itself mounted, and would go on seeing one that was replaced. */
  async write(path: string, text: string): Promise<void> {
    writeFileSync(path, text, { mode: 0o644 });
  }

  /** Of a pod that is over: what it kept on the node is for nobody any more. */
  async removeVolumes(uid: string): Promise<void> {
    await unmountBelow(this.pod(uid));
    await rm(join(this.pod(uid), 'volumes'), { recursive: true, force: true });
  }

  async remove(uid: string): Promise<void> {
    await unmountBelow(this.pod(uid));
    await rm(this.pod(uid), { recursive: true, force: true });
  }

  /** Pods that have a directory, whether they still exist or not. */
  async list(): Promise<readonly string[]> {
    return readdir(this.pods).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
  }
}
