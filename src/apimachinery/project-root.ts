// PROJECT_ROOT: the checkout that this code is part of, whether it runs from its source, from what tsc made of it, or from the bundle.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function above(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) return directory;
  const parent = dirname(directory);
  if (parent === directory) throw new Error(`no package.json in any directory above ${import.meta.dirname}`);
  return above(parent);
}

export const PROJECT_ROOT = above(import.meta.dirname);
