// VolumeRestrictions by tables: disks that cannot be on a node twice, and claims that are one pod's only.
import { describe, expect, test } from 'vitest';
import type { Pod } from '../../../../src/kinds/types/core_v1.js';
import { pod } from '../../controllers/objects.js';
import { labelled, on, type Verdict, type Verdicts, verdicts } from './lab.js';
import { claim, claiming, using } from './storage.js';

const nodes = [labelled('n1', {}), labelled('n2', {})];
const TAKEN: Verdict = { Unschedulable: 'node(s) had no available disk' };
const IN_USE: Verdict = { Unschedulable: 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode' };

describe('a disk that is on a node already', () => {
  const gce = (pdName: string, readOnly = false) => ({ gcePersistentDisk: { pdName, readOnly } });
  const ebs = (volumeID: string, readOnly = false) => ({ awsElasticBlockStore: { volumeID, readOnly } });
  const iscsi = (iqn: string, readOnly = false) => ({ iscsi: { iqn, targetPortal: 't', lun: 0, readOnly } });
  const rbd = (monitors: string[], more: object = {}) => ({ rbd: { monitors, pool: 'p', image: 'i', readOnly: false, ...more } });
  test.each<[string, object, object, boolean]>([
    ['GCE: the same', gce('d'), gce('d'), true],
    ['GCE: another', gce('d'), gce('e'), false],
    ['GCE: one of them only reads', gce('d', true), gce('d'), true],
    ['GCE: both only read', gce('d', true), gce('d', true), false],
    ['EBS: the same', ebs('v'), ebs('v'), true],
    ['EBS: the same, even to read', ebs('v', true), ebs('v', true), true],
    ['EBS: another', ebs('v'), ebs('w'), false],
    ['iSCSI: the same target', iscsi('q'), iscsi('q', true), true],
    ['iSCSI: both only read', iscsi('q', true), iscsi('q', true), false],
    ['RBD: the same image, with a monitor in common', rbd(['a', 'b']), rbd(['b', 'c']), true],
    ['RBD: of other monitors', rbd(['a']), rbd(['c']), false],
    ['RBD: of another pool', rbd(['a']), rbd(['a'], { pool: 'q' }), false],
    ['RBD: another image', rbd(['a']), rbd(['a'], { image: 'j' }), false],
    ['RBD: both only read', rbd(['a'], { readOnly: true }), rbd(['a'], { readOnly: true }), false],
    ['kinds that differ', iscsi('d'), gce('d'), false],
    ['what can be shared', { nfs: { server: 's', path: '/' } }, { nfs: { server: 's', path: '/' } }, false],
  ])('%s', (_, wanted, there, conflict) => {
    const told = verdicts('VolumeRestrictions', pod('p', { spec: using(wanted) }), nodes, { pods: [on('n1', 'x', using(there))] });
    expect(told).toEqual(conflict ? { n1: TAKEN } : {});
  });
});

describe('a claim that is one pod’s only', () => {
  const storage = [claim('one', { accessModes: ['ReadWriteOncePod'] }), claim('many', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] })];
  const elsewhere = pod('y', { metadata: { namespace: 'other' }, spec: { nodeName: 'n1', ...claiming('one') } });
  test.each<[string, string[], Pod[], Verdicts]>([
    ['nobody has it', ['one'], [], {}],
    ['somebody has it, wherever that is', ['one'], [on('n1', 'x', claiming('one'))], { n1: IN_USE, n2: IN_USE }],
    ['somebody has another', ['one'], [on('n1', 'x', claiming('many'))], {}],
    ['one that others may use besides', ['many'], [on('n1', 'x', claiming('many'))], {}],
    ['a namesake in another namespace', ['one'], [elsewhere], {}],
  ])('%s', (_, claims, pods, expected) => {
    expect(verdicts('VolumeRestrictions', pod('p', { spec: claiming(...claims) }), nodes, { pods, storage })).toEqual(expected);
  });
});
