// Where the control plane keeps its files below --data-dir.
import { join } from 'node:path';

export const DEFAULT_DATA_DIR = '/var/lib/porthole';

export interface DataPaths {
  readonly etcd: string;
  readonly pki: string;
  /** Whose contents are applied, unless another folder's are. */
  readonly manifests: string;
  readonly adminKubeconfig: string;
  readonly controllerManagerKubeconfig: string;
  readonly schedulerKubeconfig: string;
}

export function dataPaths(dataDir: string): DataPaths {
  const server = join(dataDir, 'server');
  return {
    etcd: join(server, 'etcd'),
    pki: join(server, 'pki'),
    manifests: join(server, 'manifests'),
    adminKubeconfig: join(server, 'admin.kubeconfig'),
    controllerManagerKubeconfig: join(server, 'controller-manager.kubeconfig'),
    schedulerKubeconfig: join(server, 'scheduler.kubeconfig'),
  };
}
