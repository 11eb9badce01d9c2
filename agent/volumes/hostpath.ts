// hostPath: a path of the node itself, checked or made by its type.
import type { Stats } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { defineVolume, VolumeError } from './volume.js';

type Check = { readonly is: (stats: Stats) => boolean; readonly called: string };

const CHECKS: { readonly [type: string]: Check } = {
  Directory: { is: (s) => s.isDirectory(), called: 'a directory' },
  DirectoryOrCreate: { is: (s) => s.isDirectory(), called: 'a directory' },
  File: { is: (s) => s.isFile(), called: 'a file' },
  FileOrCreate: { is: (s) => s.isFile(), called: 'a file' },
  Socket: { is: (s) => s.isSocket(), called: 'a socket file' },
  CharDevice: { is: (s) => s.isCharacterDevice(), called: 'a character device' },
  BlockDevice: { is: (s) => s.isBlockDevice(), called: 'a block device' },
};

const statOf = (path: string) =>
  stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new VolumeError(`hostPath ${path}: ${error.message}`);
  });

export default defineVolume({
  field: 'hostPath',
  plugin: 'kubernetes.io~host-path',
  managed: false,
  async setUp(volume) {
    const { path = '', type = '' } = volume.hostPath ?? {};
    const existing = await statOf(path);
    if (type === '') {
      // Unchecked; what does not exist becomes a directory, as Docker's binds always did.
      if (!existing) await mkdir(path, { recursive: true, mode: 0o755 });
      return path;
    }
    const check = CHECKS[type];
    if (!check) throw new VolumeError(`hostPath.type "${type}" is not supported`);
    if (!existing && type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
    else if (!existing && type === 'FileOrCreate') await writeFile(path, '', { flag: 'a', mode: 0o644 });
    else if (!existing || !check.is(existing)) throw new VolumeError(`hostPath type check failed: ${path} is not ${check.called}`);
    return path;
  },
});
