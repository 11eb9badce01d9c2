// OpenAPI v3: an index with hashes, and one document for each group and version, made when first asked for.
import { createHash } from 'node:crypto';
import type { AnyKind } from '../../kinds/define.js';
import type { Answer } from '../discovery.js';
import type { Resource, Resources } from '../resources.js';
import { scaleSchema } from '../scale-schema.js';
import { VERSION_INFO } from '../version.js';
import { customName } from './custom.js';
import { pathsOf } from './paths.js';
import { Components } from './schema.js';
import { OPENAPI_V2, openApiV2 } from './v2.js';

const ROOT = '/openapi/v3';
const JSON_TYPE = 'application/json';

export class OpenApi {
  readonly #documents = new Map<string, Answer & { readonly hash: string }>();
  #index: Answer | undefined;

  constructor(private readonly resources: Resources) {
    resources.onChange((kinds) => {
      for (const kind of kinds) this.#documents.delete(documentName(kind));
      this.#index = undefined;
    });
  }

  /** Undefined for paths that are no OpenAPI document. */
  answer(path: string, accept: string | undefined): Answer | undefined {
    if (path === OPENAPI_V2) return openApiV2(accept);
    if (path === ROOT || path === `${ROOT}/`) return (this.#index ??= this.#makeIndex());
    return path.startsWith(`${ROOT}/`) ? this.#document(path.slice(ROOT.length + 1)) : undefined;
  }

  #makeIndex(): Answer {
    const names = new Set([...this.resources.all()].map(({ kind }) => documentName(kind)));
    const paths: { [name: string]: { serverRelativeURL: string } } = {};
    for (const name of names) paths[name] = { serverRelativeURL: `${ROOT}/${name}?hash=${this.#document(name)!.hash}` };
    return answer({ paths });
  }

  #document(name: string): (Answer & { readonly hash: string }) | undefined {
    const known = this.#documents.get(name);
    if (known) return known;
    const resources = [...this.resources.all()].filter(({ kind }) => documentName(kind) === name);
    if (resources.length === 0) return undefined;
    const made = answer(this.#make(resources));
    const document = { ...made, hash: createHash('sha256').update(made.bytes).digest('hex').toUpperCase() };
    this.#documents.set(name, { ...document, etag: `"${document.hash}"` });
    return this.#documents.get(name);
  }

  #make(resources: readonly Resource[]): object {
    const components = new Components();
    const [objectMeta, listMeta] = [this.resources.schemas.get('meta.v1.ObjectMeta'), this.resources.schemas.get('meta.v1.ListMeta')];
    const paths: { [path: string]: object } = {};
    for (const { kind, schema, openApi } of resources) {
      const gvk = gvkOf(kind.group, kind.version, kind.kind);
      const object = openApi
        ? components.custom(customName(kind.group, kind.version, kind.kind), openApi, objectMeta, gvk)
        : components.ref(schema, gvk);
      const list = components.list(object, listMeta, gvkOf(kind.group, kind.version, `${kind.kind}List`));
      Object.assign(paths, pathsOf(kind, { object, list }));
      if (kind.subresources?.scale) components.ref(scaleSchema, gvkOf('autoscaling', 'v1', 'Scale'));
    }
    const info = { title: 'Kubernetes', version: VERSION_INFO.gitVersion };
    return { openapi: '3.0.0', info, paths, components: { schemas: components.schemas } };
  }
}

const documentName = ({ group, version }: AnyKind) => (group ? `apis/${group}/${version}` : `api/${version}`);

const gvkOf = (group: string, version: string, kind: string) => ({ 'x-kubernetes-group-version-kind': [{ group, kind, version }] });

const answer = (value: object): Answer => ({ contentType: JSON_TYPE, bytes: Buffer.from(JSON.stringify(value)) });
