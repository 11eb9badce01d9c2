// Claims, volumes and classes for tables of the plugins that look at storage.
import type { KubeObject } from '../../../../src/apimachinery/object.js';

export const stored = (kind: string, name: string, rest: object, metadata: object = {}): KubeObject =>
  ({ apiVersion: 'v1', kind, metadata: { name, uid: name, ...metadata }, ...rest }) as never;
export const claim = (name: string, spec: object) => stored('PersistentVolumeClaim', name, { spec, status: {} }, { namespace: 'default' });
export const volume = (name: string, labels: object, spec: object = {}) => stored('PersistentVolume', name, { spec }, { labels });

/** Of a pod's spec. */
export const using = (...volumes: object[]) => ({ volumes: volumes.map((each, i) => ({ name: `v${i}`, ...each })) });
export const claiming = (...names: string[]) => using(...names.map((claimName) => ({ persistentVolumeClaim: { claimName } })));
