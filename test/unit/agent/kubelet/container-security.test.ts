// What of a container's and its pod's security context the engine is asked for: the container's own word counts before its pod's.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { containerSecurity } from '../../../../agent/kubelet/container-security.js';
import type { Image } from '../../../../agent/runtime/runtime.js';
import type { PodSecurityContext, SecurityContext } from '../../../../src/kinds/types/core_v1.js';
import { showsFields } from '../../../suites/pod-spec.js';
import { container, pod } from './fixtures.js';

let rootDirectory: string;
beforeAll(() => {
  rootDirectory = mkdtempSync(join(tmpdir(), 'porthole-seccomp-'));
  mkdirSync(join(rootDirectory, 'seccomp'));
  writeFileSync(join(rootDirectory, 'seccomp/tight.json'), '{"defaultAction":"SCMP_ACT_ERRNO"}');
});
afterAll(() => rmSync(rootDirectory, { recursive: true }));

const image = (user: string) => ({ user }) as Image;
const of = (own: SecurityContext, ofPod: PodSecurityContext = {}, user = '', seccompDefault = false) =>
  containerSecurity(pod({ securityContext: ofPod }), container('main', { securityContext: own }), image(user), {
    seccompDefault,
    rootDirectory,
  });

it('users and groups', async () => {
  expect(await of({})).not.toHaveProperty('user');
  expect(await of({ runAsUser: 5 }, { runAsUser: 1, runAsGroup: 2 })).toMatchObject({ user: '5:2' });
  expect(await of({ runAsGroup: 7 }, {}, 'www:www')).toMatchObject({ user: 'www:7' });
  expect(await of({}, { supplementalGroups: [3, 4], fsGroup: 4 })).toMatchObject({ supplementalGroups: [3, 4] });
});

it('groups that the image says its user is in, which no link in it leads out of', async () => {
  const layer = (name: string, files: { readonly [path: string]: string }) => {
    const directory = join(rootDirectory, name);
    mkdirSync(join(directory, 'etc'), { recursive: true });
    for (const [path, text] of Object.entries(files)) writeFileSync(join(directory, 'etc', path), text);
    return directory;
  };
  const passwd = 'root:x:0:0:::\napp:x:1000:1001:::\n';
  const [top, base] = [
    layer('top', { group: 'old:x:7:\nteam:x:8:root,app\nx:x:bad:app\n' }),
    layer('base', { passwd, group: 'gone:x:9:app\n' }),
  ];
  const user = (layers: readonly string[], own: SecurityContext, policy = 'Merge', imagesUser = '') =>
    containerSecurity(
      pod({ securityContext: { supplementalGroups: [5], supplementalGroupsPolicy: policy } }),
      container('main', { securityContext: own }),
      { user: imagesUser, layers } as Image,
      { seccompDefault: false, rootDirectory },
    ).then(({ user: name, supplementalGroups }) => [name, ...supplementalGroups]);
  const both = [top, base];
  // The engine looks for them itself.
  expect(await user(both, { runAsUser: 1000 })).toEqual(['1000', 5]);
  expect(await user(both, { runAsUser: 1000, runAsGroup: 2 })).toEqual(['1000:2', 5, 8]);
  expect(await user(both, {}, 'Merge', 'app:staff')).toEqual(['app:staff', 5, 8]);
  expect(await user(both, { runAsUser: 3, runAsGroup: 2 })).toEqual(['3:2', 5]);
  expect(await user(both, { runAsUser: 1000 }, 'Strict')).toEqual(['1000:1001', 5]);
  expect(await user(both, { runAsUser: 1000, runAsGroup: 2 }, 'Strict')).toEqual(['1000:2', 5]);
  expect(await user(both, {}, 'Strict')).toEqual(['0:0', 5]);
  expect(await user([], { runAsUser: 1000, runAsGroup: 2 }, 'Strict')).toEqual(['1000:2', 5]);
  await expect(user([], { runAsUser: 1000 }, 'Strict')).rejects.toThrow('is not supported in this node');
  const trap = layer('trap', { passwd });
  symlinkSync(join(base, 'etc/group'), join(trap, 'etc/group'));
  expect(await user([trap], { runAsUser: 1000, runAsGroup: 2 })).toEqual(['1000:2', 5]);
});

it.each<[string, SecurityContext, string, string, string | undefined]>([
  ["the image's root", {}, 'Merge', '', '0:0 0,5,8'],
  ["the image's user, by its name", {}, 'Merge', 'app', '1000:1001 1001,5,8'],
  ['its user and a group that it names', {}, 'Merge', 'app:team', '1000:8 8,5'],
  ['a group that it does not name', {}, 'Merge', 'app:staff', undefined],
  ['a user that it does not know by name', {}, 'Merge', 'nobody', undefined],
  ['a user that it does not know, in the group of root', { runAsUser: 3 }, 'Merge', 'app', '3:0 0,5'],
  ['a user and a group that the pod names', { runAsUser: 1000, runAsGroup: 2 }, 'Merge', '', '1000:2 2,5,8'],
  ['the same, without what the image says', { runAsUser: 1000, runAsGroup: 2 }, 'Strict', '', '1000:2 2,5'],
])('as whom a container begins is known beforehand: %s', async (_, own, policy, imagesUser, expected) => {
  const layer = join(rootDirectory, 'identities');
  mkdirSync(join(layer, 'etc'), { recursive: true });
  writeFileSync(join(layer, 'etc/passwd'), 'root:x:0:0:::\napp:x:1000:1001:::\n');
  writeFileSync(join(layer, 'etc/group'), 'team:x:8:root,app\n');
  const { runsAs } = await containerSecurity(
    pod({ securityContext: { supplementalGroups: [5], supplementalGroupsPolicy: policy } }),
    container('main', { securityContext: own }),
    { user: imagesUser, layers: [layer] as readonly string[] } as Image,
    { seccompDefault: false, rootDirectory },
  );
  expect(runsAs && `${runsAs.uid}:${runsAs.gid} ${runsAs.supplementalGroups}`).toBe(expected);
});

it('of an image whose layers cannot be read nobody knows as whom it begins', async () => {
  expect(await of({ runAsUser: 5, runAsGroup: 2 })).not.toHaveProperty('runsAs');
});

const WHERE = '(pod: "web_shop(uid-1)", container: main)';
it.each<[SecurityContext, string, string | undefined]>([
  [{ runAsUser: 1 }, '', undefined],
  [{}, '1000', undefined],
  [{ runAsUser: 0 }, '1000', "container's runAsUser breaks non-root policy"],
  [{}, '', 'container has runAsNonRoot and image will run as root'],
  [{}, '0:0', 'container has runAsNonRoot and image will run as root'],
  [{}, 'nobody', 'container has runAsNonRoot and image has non-numeric user (nobody), cannot verify user is non-root'],
  [{ runAsNonRoot: false }, '', undefined],
])('%o of an image with user "%s" under a policy of no root', async (own, user, why) => {
  const outcome = await of(own, { runAsNonRoot: true }, user).then(
    () => undefined,
    (error: Error) => error.message,
  );
  expect(outcome).toBe(why && `${why} ${WHERE}`);
});

it('seccomp, also where only the node says what', async () => {
  const tight = { seccompProfile: { type: 'Localhost', localhostProfile: 'tight.json' } };
  const [none, theirs] = [{ seccompProfile: { type: 'Unconfined' } }, { seccompProfile: { type: 'RuntimeDefault' } }];
  expect((await of({})).seccomp).toBe('unconfined');
  expect((await of({}, {}, '', true)).seccomp).toBe('runtime-default');
  expect((await of(none, theirs, '', true)).seccomp).toBe('unconfined');
  expect((await of({}, theirs)).seccomp).toBe('runtime-default');
  expect((await of(tight, theirs)).seccomp).toEqual({ profile: '{"defaultAction":"SCMP_ACT_ERRNO"}' });
  const path = join(rootDirectory, 'seccomp/none.json');
  await expect(of({ seccompProfile: { type: 'Localhost', localhostProfile: 'none.json' } })).rejects.toThrow(
    `cannot load seccomp profile "${path}": open ${path}: no such file or directory`,
  );
});

it('AppArmor profiles and SELinux labels, which are the kernel’s to know', async (context) => {
  showsFields(
    context,
    'spec.{securityContext,containers[].securityContext}.seLinuxOptions.{user,role,type,level}',
    'spec.{securityContext,containers[].securityContext}.appArmorProfile.{type,localhostProfile}',
  );
  const local = { type: 'Localhost', localhostProfile: 'tight' };
  expect(await of({}, { appArmorProfile: local })).toMatchObject({ appArmor: 'tight' });
  expect(await of({ appArmorProfile: { type: 'Unconfined' } }, { appArmorProfile: local })).toMatchObject({ appArmor: 'unconfined' });
  expect(await of({ appArmorProfile: { type: 'RuntimeDefault' } }, { appArmorProfile: local })).not.toHaveProperty('appArmor');
  const labels = { user: 'u', role: 'r', type: 't', level: 's0:c1' };
  expect(await of({}, { seLinuxOptions: labels })).toMatchObject({ seLinuxLabels: ['user:u', 'role:r', 'type:t', 'level:s0:c1'] });
  expect(await of({ seLinuxOptions: { level: 's0' } }, { seLinuxOptions: labels })).toMatchObject({ seLinuxLabels: ['level:s0'] });
});
