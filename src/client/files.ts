// Files that hold secrets (keys, certificates, kubeconfigs): written whole or not at all, readable by their owner only.
import { chown, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const PRIVATE_FILE_MODE = 0o600;
const PRIVATE_DIR_MODE = 0o700;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Replaces `path` in one step, durably: after a crash it has the old content or the new. Makes the directory (0700) if it is
 * missing. `owner` becomes the file's, and that of directories made. Rejects with the file system's error.
 */
export async function writePrivateFile(path: string, content: string, owner?: Owner): Promise<void> {
  const dir = dirname(path);
  const made = await mkdir(dir, { recursive: true, mode: PRIVATE_DIR_MODE });
  if (made && owner) await chown(dir, owner.uid, owner.gid);
  const temporary = join(dir, `.${basename(path)}.tmp`);
  // What a killed writer left may have another mode; it is made anew.
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', PRIVATE_FILE_MODE);
  try {
    await file.writeFile(content);
    if (owner) await file.chown(owner.uid, owner.gid);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
