// The resources of one group version as aggregated discovery tells them, out of either form of an aggregated server's documents. Pure.
import { isJsonObject, type JsonObject, jsonText } from '../../apimachinery/json.js';
import type { ExternalResource } from '../external-apis.js';

const objects = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isJsonObject) : []);

/** Of an APIGroupDiscoveryList; undefined where it does not have the group version. */
export function resourcesOfDiscovery(list: JsonObject, group: string, version: string): readonly ExternalResource[] | undefined {
  const found = objects(list['items']).find(({ metadata }) => isJsonObject(metadata) && metadata['name'] === group);
  const versions = objects(found?.['versions']).find((each) => each['version'] === version);
  if (!versions) return undefined;
  return objects(versions['resources']).filter((each): each is ExternalResource & JsonObject => typeof each['resource'] === 'string');
}

/** Of an APIResourceList, where subresources stand beside their resources. */
export function resourcesOfList(list: JsonObject, group: string, version: string): readonly ExternalResource[] {
  const all = objects(list['resources']);
  const kindOf = (each: JsonObject) => ({ group: each['group'] || group, version: each['version'] || version, kind: each['kind'] });
  return all
    .filter(({ name }) => typeof name === 'string' && !name.includes('/'))
    .map((each) => {
      const name = String(each['name']);
      const subresources = all
        .filter((sub) => jsonText(sub['name']).startsWith(`${name}/`))
        .map((sub) => ({
          subresource: jsonText(sub['name']).slice(name.length + 1),
          responseKind: kindOf(sub),
          verbs: sub['verbs'] ?? [],
        }));
      return {
        resource: name,
        responseKind: kindOf(each),
        scope: each['namespaced'] ? 'Namespaced' : 'Cluster',
        singularResource: each['singularName'] || jsonText(each['kind']).toLowerCase(),
        verbs: each['verbs'] ?? [],
        ...(each['shortNames'] ? { shortNames: each['shortNames'] } : {}),
        ...(each['categories'] ? { categories: each['categories'] } : {}),
        ...(subresources.length > 0 ? { subresources } : {}),
      };
    });
}
