// servedKind: the kind that a CustomResourceDefinition brings, as clients need it: where its objects are, not what they are like.
import type { KubeObject } from '../../apimachinery/object.js';
import { type AnyKind, defineKind } from '../define.js';
import type { CustomResourceDefinition } from '../types/apiextensions_v1.js';

/** In one version: all of them show the same objects. Undefined while none is served. */
export function servedKind({ spec, status }: CustomResourceDefinition): AnyKind | undefined {
  const established = status.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True');
  const version = spec.versions.find(({ storage, served }) => storage && served) ?? spec.versions.find(({ served }) => served);
  if (!established || !version) return undefined;
  const { plural, kind } = status.acceptedNames;
  return defineKind<KubeObject>({
    group: spec.group,
    version: version.name,
    kind,
    plural,
    namespaced: spec.scope === 'Namespaced',
    schema: '',
  });
}
