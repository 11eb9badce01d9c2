// Folders of a node that volumes stand for: made at the first mount, removed only once a volume to be deleted is given up.
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { localPathRoot, makeLocalPath, startLocalPaths } from '../../../../agent/volumes/local-path.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import { createInformers } from '../../../../src/client/informers.js';
import { persistentVolumes } from '../../../../src/kinds/core/persistentvolume.js';
import { FINALIZER_LOCAL_PATH } from '../../../../src/kinds/storage/local-path.js';
import type { PersistentVolume } from '../../../../src/kinds/types/core_v1.js';
import { until } from '../../../suites/until.js';
import { fixedRandom, ManualClock, MemoryApi } from '../../client/fakes.js';

let rootDirectory: string;
let api: MemoryApi;
let stop: () => void;

beforeEach(async () => {
  rootDirectory = await mkdtemp(join(tmpdir(), 'local-path-'));
  api = new MemoryApi();
  const base = { client: api, clock: new ManualClock(), random: fixedRandom, log: silentLogger };
  const informers = createInformers(base);
  const paths = startLocalPaths({ ...base, informers, nodeName: 'node-1', rootDirectory });
  stop = () => {
    paths.stop();
    informers.stop();
  };
});

afterEach(async () => {
  stop();
  await rm(rootDirectory, { recursive: true });
});

const going = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 };
const folder = (name: string) => join(localPathRoot(rootDirectory), name);

function volume(name: string, path: string, { policy = 'Delete', phase = 'Released', metadata = {} } = {}): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name,
      uid: `uid-${name}`,
      labels: { 'kubernetes.io/hostname': 'node-1' },
      annotations: { 'pv.kubernetes.io/provisioned-by': 'porthole/local-path' },
      finalizers: [FINALIZER_LOCAL_PATH],
      ...metadata,
    },
    spec: { local: { path }, persistentVolumeReclaimPolicy: policy },
    status: { phase },
  } as unknown as PersistentVolume;
}

async function fill(name: string): Promise<string> {
  await mkdir(folder(name), { recursive: true });
  await writeFile(join(folder(name), 'data'), 'precious');
  return folder(name);
}

const isThere = (path: string) => stat(path).then(Boolean, () => false);
const isLetGo = (name: string) => () =>
  api.objects(persistentVolumes).some(({ metadata }) => metadata.name === name && metadata.finalizers?.length === 0);

test('a folder that is new may be written by anybody; one that is there stays as it is, and of other volumes none is made', async () => {
  await makeLocalPath(volume('new', folder('new')));
  expect((await stat(folder('new'))).mode & 0o777).toBe(0o777);
  const kept = await fill('kept');
  await makeLocalPath(volume('kept', kept));
  expect((await stat(kept)).mode & 0o777).not.toBe(0o777);
  await makeLocalPath(volume('other', folder('other'), { metadata: { annotations: {} } }));
  expect(await isThere(folder('other'))).toBe(false);
});

test('a volume that is being deleted loses its folder, and then goes; one to be retained goes without', async () => {
  const doomed = await fill('doomed');
  const retained = await fill('retained');
  await api.create(persistentVolumes, volume('doomed', doomed, { metadata: going }));
  await api.create(persistentVolumes, volume('retained', retained, { policy: 'Retain', metadata: going }));
  await until('both are let go', () => isLetGo('doomed')() && isLetGo('retained')());
  expect(await isThere(doomed)).toBe(false);
  expect(await isThere(join(retained, 'data'))).toBe(true);
});

test('nothing is removed of a volume that is in use or not being deleted, nor anywhere else on the node', async () => {
  const inUse = await fill('in-use');
  const released = await fill('released');
  const elsewhere = join(rootDirectory, 'precious');
  await mkdir(elsewhere);
  await api.create(persistentVolumes, volume('in-use', inUse, { phase: 'Bound', metadata: going }));
  await api.create(persistentVolumes, volume('released', released));
  await api.create(persistentVolumes, volume('elsewhere', elsewhere, { metadata: going }));
  await api.create(persistentVolumes, volume('above', `${localPathRoot(rootDirectory)}/..`, { metadata: going }));
  const last = await fill('last');
  await api.create(persistentVolumes, volume('last', last, { metadata: going }));
  await until('the last is let go', isLetGo('last'));
  for (const path of [inUse, released, elsewhere, rootDirectory]) expect(await isThere(path)).toBe(true);
  expect(['in-use', 'released', 'elsewhere', 'above'].filter((name) => isLetGo(name)())).toEqual([]);
});
