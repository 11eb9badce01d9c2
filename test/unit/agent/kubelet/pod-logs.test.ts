// The links by which log collectors find containers' logs: made, kept with the pod, and gone with it.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PodLogs } from '../../../../agent/kubelet/pod-logs.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';

let root: string;
let logs: PodLogs;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pod-logs-'));
  logs = new PodLogs(join(root, 'pods'), silentLogger);
});
afterEach(() => rmSync(root, { recursive: true }));

const POD = { uid: 'u-1', name: 'web', namespace: 'shop' };

/** A container whose log says its ID, where the engine would keep it. */
function container(id: string, attempt = 0, more: object = {}) {
  const logPath = join(root, 'docker', id, `${id}-json.log`);
  mkdirSync(join(root, 'docker', id), { recursive: true });
  writeFileSync(logPath, id);
  return { id, name: 'main', attempt, startedAt_ms: 1, logPath, ...more };
}

const read = (path: string) => readFileSync(join(root, path), 'utf8');

it('lie where upstream’s do, for each run of a container', async () => {
  await logs.sync(POD, [container('aaa'), container('bbb', 1)]);
  expect(read('pods/shop_web_u-1/main/0.log')).toBe('aaa');
  expect(read('pods/shop_web_u-1/main/1.log')).toBe('bbb');
  expect(read('containers/web_shop_main-aaa.log')).toBe('aaa');
  expect(readdirSync(join(root, 'containers')).sort()).toEqual(['web_shop_main-aaa.log', 'web_shop_main-bbb.log']);
});

it('wait until there is a log', async () => {
  await logs.sync(POD, [container('aaa', 0, { startedAt_ms: 0 }), container('bbb', 1, { logPath: undefined })]);
  expect(existsSync(join(root, 'pods'))).toBe(false);
  await logs.sync(POD, [container('aaa')]);
  expect(read('pods/shop_web_u-1/main/0.log')).toBe('aaa');
});

it('are made anew by an agent that finds them, and go with the pod, and no other’s with it', async () => {
  await logs.sync(POD, [container('aaa')]);
  await logs.sync({ ...POD, name: 'web-2', uid: 'u-2' }, [container('ccc')]);
  const later = new PodLogs(join(root, 'pods'), silentLogger);
  await later.sync(POD, [container('aaa'), container('bbb', 1)]);
  await later.remove(POD);
  expect(readdirSync(join(root, 'pods'))).toEqual(['shop_web-2_u-2']);
  expect(readdirSync(join(root, 'containers'))).toEqual(['web-2_shop_main-ccc.log']);
  await later.remove(POD);
});

it('are swept away where they lead nowhere and nobody knows the pod', async () => {
  await logs.sync(POD, [container('aaa')]);
  await logs.sync({ ...POD, uid: 'u-2' }, [container('bbb')]);
  await logs.sync({ ...POD, uid: 'u-3' }, [container('ccc')]);
  rmSync(join(root, 'docker', 'aaa'), { recursive: true });
  rmSync(join(root, 'docker', 'bbb'), { recursive: true });
  await logs.sweep((uid) => uid === 'u-2');
  expect(readdirSync(join(root, 'pods')).sort()).toEqual(['shop_web_u-2', 'shop_web_u-3']);
  expect(readdirSync(join(root, 'containers')).sort()).toEqual(['web_shop_main-bbb.log', 'web_shop_main-ccc.log']);
});

it('do not keep a pod from running where they cannot be made', async () => {
  writeFileSync(join(root, 'pods'), 'a file');
  await logs.sync(POD, [container('aaa')]);
});
