// GET /logs/...: the files below /var/log, and listings of its directories.
import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { StatusError } from '../../src/apimachinery/status.js';

const ROOT = '/var/log';

const notFound = () => new StatusError(404, 'NotFound', '404 page not found');

/** `path` is below /logs, encoded as in a URL. */
export async function serveNodeLogs(path: string, response: ServerResponse): Promise<void> {
  const file = await locate(decodeURIComponent(path));
  const stats = await stat(file);
  if (stats.isDirectory()) {
    if (!path.endsWith('/')) {
      response.writeHead(301, { Location: `/logs${path}/` }).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(await listing(file));
    return;
  }
  if (!stats.isFile()) throw notFound();
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
  try {
    await pipeline(createReadStream(file), response);
  } catch (error) {
    // The client went away.
    if (!response.destroyed && !response.writableEnded) throw error;
  }
}

/** Links that lead elsewhere are not followed: who may write there must not choose what of the node is read. */
async function locate(path: string): Promise<string> {
  const [root, file] = await Promise.all([realpath(ROOT), realpath(join(ROOT, path)).catch(() => undefined)]);
  if (file === undefined || (file !== root && !file.startsWith(`${root}/`))) throw notFound();
  return file;
}

async function listing(directory: string): Promise<string> {
  const entries = await readdir(directory, { withFileTypes: true });
  const escaped = (text: string) => text.replaceAll(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const links = entries.map((entry) => {
    const name = entry.isDirectory() ? `${entry.name}/` : entry.name;
    return `<a href="${escaped(encodeURIComponent(entry.name))}${entry.isDirectory() ? '/' : ''}">${escaped(name)}</a>\n`;
  });
  return `<pre>\n${links.sort().join('')}</pre>\n`;
}
