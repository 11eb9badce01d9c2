// Volume types that this node cannot set up, and how Kubernetes says so where it has no driver or plugin for them.
import type { VolumeSpec } from './volume.js';

/** Types that Kubernetes has handed to CSI drivers, by the driver that they need. */
const DRIVERS: { readonly [type: string]: string } = {
  awsElasticBlockStore: 'ebs.csi.aws.com',
  azureDisk: 'disk.csi.azure.com',
  azureFile: 'file.csi.azure.com',
  cinder: 'cinder.csi.openstack.org',
  gcePersistentDisk: 'pd.csi.storage.gke.io',
  portworxVolume: 'pxd.portworx.com',
  vsphereVolume: 'csi.vsphere.vmware.com',
};

/** Why a volume of such a type is not set up. */
export function unsupportedVolume(volume: VolumeSpec): string {
  const type = Object.keys(volume).find((key) => key !== 'name' && volume[key as keyof VolumeSpec] !== undefined) ?? '';
  if (type === 'gitRepo')
    return 'git-repo volume plugin has been disabled; if necessary, use an init container that clones it into an emptyDir';
  const driver = type === 'csi' ? volume.csi?.driver : DRIVERS[type];
  if (driver) {
    return `kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name ${driver} not found in the list of registered CSI drivers`;
  }
  return `failed to get Plugin from volumeSpec for volume "${volume.name}" err=no volume plugin matched`;
}
