// Types of volumes that need a driver or a plugin that the node does not have: said as Kubernetes says it.
import { expect, it } from 'vitest';
import { setUpVolumes } from '../../../../agent/volumes/index.js';
import { refusesFields } from '../../../suites/pod-spec.js';
import { pod } from '../kubelet/fixtures.js';

const SECRET = { secretRef: { name: 's' } };
const REFUSED: { readonly [type: string]: object } = {
  awsElasticBlockStore: { volumeID: 'x' },
  azureDisk: { diskName: 'x', diskURI: 'y' },
  azureFile: { secretName: 'x', shareName: 'y' },
  cephfs: { monitors: ['x'] },
  cinder: { volumeID: 'x' },
  csi: { driver: 'inline.csi.example' },
  fc: { wwids: ['x'] },
  flexVolume: { driver: 'a/b' },
  flocker: { datasetName: 'x' },
  gcePersistentDisk: { pdName: 'x' },
  gitRepo: { repository: 'x' },
  glusterfs: { endpoints: 'x', path: 'y' },
  iscsi: { targetPortal: 'x', iqn: 'iqn.2001-04.com.example:x', lun: 0 },
  photonPersistentDisk: { pdID: 'x' },
  portworxVolume: { volumeID: 'x' },
  quobyte: { registry: 'x:1', volume: 'y' },
  rbd: { monitors: ['x'], image: 'y' },
  scaleIO: { gateway: 'x', system: 'y', volumeName: 'z', ...SECRET },
  storageos: { volumeName: 'x' },
  vsphereVolume: { volumePath: 'x' },
};

const metrics = { mounting: <T>(_plugin: string, work: Promise<T>) => work };
const context = { pod: pod(), metrics, node: { name: 'n', ips: [], memory_bytes: 1, allocatable: new Map() }, sources: {} as never };

it.for(Object.entries(REFUSED))('a volume of type %s is refused', async ([type, source], test) => {
  const outcome = setUpVolumes('/nowhere', [{ name: 'v', [type]: source }], context);
  const { message } = await outcome.then(
    () => new Error('it was set up'),
    (error: Error) => error,
  );
  expect(message).toMatch(
    /MountVolume.SetUp failed for volume "v" : .*(not found in the list of registered|disabled|not supported)|no volume plugin matched$/,
  );
  refusesFields(test, message, `spec.volumes[].${type}`);
});
