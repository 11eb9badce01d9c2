// What each node's pods need: an index from objects to the nodes that may read them, kept by watching pods and volumes.
import { objectKey } from '../../apimachinery/object.js';
import type { PersistentVolume, Pod } from '../../kinds/types/core_v1.js';
import type { Index } from '../storage/following.js';
import { podReferences, volumeSecrets } from './node-references.js';

/** For each object the nodes that need it, and for how many reasons. */
class Counts {
  readonly #nodes = new Map<string, Map<string, number>>();

  add(object: string, node: string, by: 1 | -1): void {
    let nodes = this.#nodes.get(object);
    if (!nodes) this.#nodes.set(object, (nodes = new Map()));
    const count = (nodes.get(node) ?? 0) + by;
    if (count > 0) nodes.set(node, count);
    else if (nodes.delete(node) && nodes.size === 0) this.#nodes.delete(object);
  }

  has(object: string, node: string): boolean {
    return this.#nodes.get(object)?.has(node) === true;
  }

  clear(): void {
    this.#nodes.clear();
  }
}

interface PodEntry {
  readonly node: string;
  readonly references: readonly string[];
  readonly ephemeral: number;
}

interface VolumeEntry {
  readonly claim: string | undefined;
  readonly secrets: readonly string[];
}

export class NodeGraph {
  readonly #counts = new Counts();
  readonly #pods = new Map<string, PodEntry>();
  readonly #volumes = new Map<string, VolumeEntry>();
  /** For each secret the volumes that need it. */
  readonly #volumesOfSecret = new Map<string, Set<string>>();

  /** `nodeOfAttachment` tells the node of a VolumeAttachment. */
  constructor(private readonly nodeOfAttachment: (name: string) => string | undefined) {}

  isRelated(node: string, resource: string, namespace: string | undefined, name: string): boolean {
    switch (resource) {
      case 'pods':
        return this.#pods.get(`${namespace}/${name}`)?.node === node;
      case 'persistentvolumes':
        return this.#isVolumeOf(node, name);
      case 'volumeattachments':
        return this.nodeOfAttachment(name) === node;
      case 'secrets': {
        const key = `secrets/${namespace}/${name}`;
        if (this.#counts.has(key, node)) return true;
        return [...(this.#volumesOfSecret.get(key) ?? [])].some((volume) => this.#isVolumeOf(node, volume));
      }
      default:
        return this.#counts.has(`${resource}/${namespace}/${name}`, node);
    }
  }

  #isVolumeOf(node: string, name: string): boolean {
    const claim = this.#volumes.get(name)?.claim;
    return claim !== undefined && this.#counts.has(claim, node);
  }

  podIndex(): Index<Pod> {
    const remove = (key: string) => {
      const entry = this.#pods.get(key);
      this.#pods.delete(key);
      for (const reference of entry?.references ?? []) this.#counts.add(reference, entry!.node, -1);
    };
    const set = (pod: Pod) => {
      const { nodeName: node, ephemeralContainers = [] } = pod.spec;
      const key = objectKey(pod);
      const known = this.#pods.get(key);
      // What a bound pod refers to changes only by ephemeral containers.
      if (known && known.node === node && known.ephemeral === ephemeralContainers.length) return;
      if (known) remove(key);
      if (!node) return;
      const references = podReferences(pod);
      this.#pods.set(key, { node, references, ephemeral: ephemeralContainers.length });
      for (const reference of references) this.#counts.add(reference, node, 1);
    };
    return {
      reset: (all) => {
        this.#pods.clear();
        this.#counts.clear();
        for (const pod of all) set(pod);
      },
      set,
      delete: (pod) => remove(objectKey(pod)),
    };
  }

  volumeIndex(): Index<PersistentVolume> {
    const remove = (name: string) => {
      for (const secret of this.#volumes.get(name)?.secrets ?? []) {
        const volumes = this.#volumesOfSecret.get(secret);
        if (volumes?.delete(name) && volumes.size === 0) this.#volumesOfSecret.delete(secret);
      }
      this.#volumes.delete(name);
    };
    const set = (volume: PersistentVolume) => {
      const { name } = volume.metadata;
      remove(name);
      const { claimRef } = volume.spec;
      const claim = claimRef ? `persistentvolumeclaims/${claimRef.namespace}/${claimRef.name}` : undefined;
      const secrets = volumeSecrets(volume);
      this.#volumes.set(name, { claim, secrets });
      for (const secret of secrets) {
        const volumes = this.#volumesOfSecret.get(secret);
        if (volumes) volumes.add(name);
        else this.#volumesOfSecret.set(secret, new Set([name]));
      }
    };
    return {
      reset: (all) => {
        this.#volumes.clear();
        this.#volumesOfSecret.clear();
        for (const volume of all) set(volume);
      },
      set,
      delete: ({ metadata }) => remove(metadata.name),
    };
  }
}
