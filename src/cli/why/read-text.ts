// The text of a file that a flag names, or of standard input.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { badRequest } from '../../apimachinery/status.js';

/** `-` is standard input, as for kubectl. Rejects with StatusError 400 where it cannot be read. */
export async function readText(path: string, flag = '-f'): Promise<string> {
  if (path === '-') return text(process.stdin);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw badRequest(`${flag} ${path}: ${(error as Error).message}`);
  }
}
