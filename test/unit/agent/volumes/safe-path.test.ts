// No path leads out of a volume: whatever links lie in it, what is opened lies below its top.
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeInside, openInside, pathOf, resolveInside } from '../../../../agent/volumes/safe-path.js';

let top: string;
let root: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'porthole-safe-path-'));
  root = join(top, 'volume');
  mkdirSync(root);
  writeFileSync(join(top, 'secret'), 'of the node');
  mkdirSync(join(top, 'outside'));
});
afterEach(() => rmSync(top, { recursive: true }));

/** Where an open path really lies; undefined where it was refused. */
async function opened(path: string): Promise<string | undefined> {
  const file = await openInside(root, path).catch(() => undefined);
  if (!file) return undefined;
  try {
    return readlinkSync(pathOf(file));
  } finally {
    await file.close();
  }
}

const isInside = (path: string) => path === root || path.startsWith(`${root}/`);

it('opens what is there, and makes what is not with the mode of the volume', async () => {
  rmSync(root, { recursive: true });
  mkdirSync(root, { mode: 0o770 });
  await makeInside(root, 'a/b');
  expect(statSync(join(root, 'a/b')).mode & 0o777).toBe(statSync(root).mode & 0o777);
  expect(await opened('a/b')).toBe(join(root, 'a/b'));
  expect(await opened('')).toBe(root);
  expect(await opened('none')).toBeUndefined();
});

it('follows links only to see where they lead', async () => {
  writeFileSync(join(root, 'file'), 'x');
  symlinkSync('file', join(root, 'near'));
  symlinkSync('../secret', join(root, 'far'));
  symlinkSync(top, join(root, 'up'));
  expect(await resolveInside(root, 'near')).toBe('file');
  expect(await opened('near')).toBeUndefined();
  await expect(resolveInside(root, 'far')).rejects.toThrow('leads out of the volume');
  await expect(resolveInside(root, 'up/secret')).rejects.toThrow('leads out of the volume');
  expect(await resolveInside(root, 'gone')).toBeUndefined();
  expect(await opened('up/secret')).toBeUndefined();
  await expect(makeInside(root, 'up/made')).rejects.toThrow();
  expect(() => statSync(join(top, 'made'))).toThrow('ENOENT');
});

const name = fc.constantFrom('a', 'b', 'c');
const target = fc.oneof(
  fc.constantFrom('..', '../..', '/', '/etc', '.', '../outside', '../secret', '../volume/a', 'b', 'c/../..'),
  fc.string({ unit: fc.constantFrom('.', '/', 'a'), maxLength: 6 }).filter((text) => text !== ''),
);
const entries = fc.uniqueArray(
  fc.record({
    at: fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
    link: fc.option(target, { nil: undefined }),
  }),
  { selector: ({ at }) => at, maxLength: 8 },
);
const path = fc.array(fc.constantFrom('a', 'b', 'c', '.', '..', ''), { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));

it('never opens or makes anything outside, whatever links there are', async () => {
  await fc.assert(
    fc.asyncProperty(entries, path, async (tree, wanted) => {
      rmSync(root, { recursive: true });
      mkdirSync(root);
      for (const { at, link } of tree) {
        try {
          if (link === undefined) mkdirSync(join(root, at), { recursive: true });
          else symlinkSync(link, join(root, at));
        } catch {
          // It has no place in this tree: another entry, or a link that leads nowhere, is in its way.
        }
      }
      const before = listing(top);
      const found = await opened(wanted);
      if (found !== undefined) expect(isInside(found)).toBe(true);
      const resolved = await resolveInside(root, wanted).catch(() => undefined);
      if (resolved) {
        const again = await opened(resolved);
        if (again !== undefined) expect(isInside(again)).toBe(true);
      }
      await makeInside(root, wanted).catch(() => undefined);
      expect(listing(top)).toEqual(before);
      expect(readFileSync(join(top, 'secret'), 'utf8')).toBe('of the node');
    }),
    { numRuns: 200 },
  );
});

/** Of the folders beside the volume, which nothing may be made in. */
const listing = (directory: string) => [statSync(directory).nlink, statSync(join(directory, 'outside')).nlink];

it('is not fooled by links that are swapped in while it looks', async () => {
  mkdirSync(join(root, 'dir/inner'), { recursive: true });
  mkdirSync(join(top, 'outside/inner'));
  let swapping = true;
  const swap = (async () => {
    while (swapping) {
      await symlink(join(top, 'outside'), join(root, 'link'));
      await rename(join(root, 'dir'), join(root, 'aside'));
      await rename(join(root, 'link'), join(root, 'dir'));
      await rm(join(root, 'dir'));
      await rename(join(root, 'aside'), join(root, 'dir'));
    }
  })();
  let seen = 0;
  while (seen < 50) {
    const resolved = await resolveInside(root, 'dir/inner').catch(() => undefined);
    const found = resolved === undefined ? undefined : await opened(resolved);
    if (found === undefined) continue;
    seen++;
    expect(isInside(found)).toBe(true);
  }
  swapping = false;
  await swap;
});
