// What an autoscaler scales: any kind with a scale subresource, built in or defined at run time, through that subresource.
import type { KubeObject } from '../apimachinery/object.js';
import { customResourceDefinitions } from '../kinds/apiextensions/customresourcedefinition.js';
import { servedKind } from '../kinds/apiextensions/served-kind.js';
import type { AnyKind, Lister } from '../kinds/define.js';
import { kinds } from '../kinds/index.js';
import type { CrossVersionObjectReference } from '../kinds/types/autoscaling_v2.js';

export interface Scale extends KubeObject {
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas?: number; readonly selector?: string };
}

/** The kind that a reference names, in whatever version; or why there is none, in upstream's words. */
export function targetKind({ apiVersion = '', kind }: CrossVersionObjectReference, lister: Lister): AnyKind | string {
  const parts = apiVersion.split('/');
  if (parts.length > 2) return `invalid API version in scale target reference: unexpected GroupVersion string: ${apiVersion}`;
  const group = parts.length === 2 ? parts[0]! : '';
  const found = kinds.find((each) => each.group === group && each.kind === kind) ?? customKind(group, kind, lister);
  return found ?? `no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`;
}

function customKind(group: string, kind: string, lister: Lister): AnyKind | undefined {
  const all = lister.list(customResourceDefinitions);
  const definition = all.find(({ spec, status }) => spec.group === group && status.acceptedNames?.kind === kind);
  return definition && servedKind(definition);
}
