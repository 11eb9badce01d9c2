// What OpenAPI documents say of one group version: its paths, and the schemas of its kinds and of all that these refer to.
import type { ObjectSchema, Schemas } from '../../apimachinery/schema.js';
import { CUSTOM_PATCH_TYPES, PATCH_TYPES } from '../patches.js';
import type { Resource } from '../resources.js';
import { scaleSchema } from '../scale-schema.js';
import type { SubresourceInfo } from '../subresources.js';
import { customName } from './custom.js';
import type { Descriptions } from './descriptions.js';
import { type Paths, pathsOf } from './paths.js';
import { Components, type OpenApiSchema } from './schema.js';

export interface GroupVersionApi {
  readonly paths: Paths;
  /** By component name. */
  readonly schemas: { readonly [name: string]: OpenApiSchema };
}

export function apiOf(resources: readonly Resource[], schemas: Schemas, descriptions: Descriptions): GroupVersionApi {
  const components = new Components((id) => schemas.get(id), descriptions);
  const paths: { [path: string]: Paths[string] } = {};
  const deleteOptions = components.ref(schemas.get('meta.v1.DeleteOptions'), gvkOf('', 'v1', 'DeleteOptions'));
  const status = components.ref(schemas.get('meta.v1.Status'), gvkOf('', 'v1', 'Status'));
  for (const resource of resources) {
    const { kind, schema, openApi } = resource;
    const gvk = gvkOf(kind.group, kind.version, kind.kind);
    const object = openApi ? components.custom(customName(kind.group, kind.version, kind.kind), openApi, gvk) : components.ref(schema, gvk);
    const list = components.list(object, gvkOf(kind.group, kind.version, kind.listKind));
    const subresource = (info: SubresourceInfo) => {
      if (info.group === kind.group && info.version === kind.version && info.kind === kind.kind) return object;
      const own = subresourceSchema(info, schemas);
      return own && components.ref(own, gvkOf(info.group, info.version, info.kind));
    };
    Object.assign(
      paths,
      pathsOf(kind, { object, list, deleteOptions, status, subresource, patchTypes: openApi ? CUSTOM_PATCH_TYPES : PATCH_TYPES }),
    );
  }
  return { paths, schemas: components.schemas };
}

/** Of a kind that only subresources have, which the schemas know by the first label of its group. */
function subresourceSchema({ group, version, kind }: SubresourceInfo, schemas: Schemas): ObjectSchema | undefined {
  const id = `${(group || 'core').split('.')[0]}.${version}.${kind}`;
  if (id === scaleSchema.id) return scaleSchema;
  return schemas.has(id) ? schemas.get(id) : undefined;
}

const gvkOf = (group: string, version: string, kind: string) => ({ 'x-kubernetes-group-version-kind': [{ group, kind, version }] });
