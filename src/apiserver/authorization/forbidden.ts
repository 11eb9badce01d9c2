// The 403 that a refused request is answered with, in upstream's words.
import { forbiddenRequest, StatusError } from '../../apimachinery/status.js';
import type { Attributes } from './attributes.js';

export function forbidden(attributes: Attributes, reason: string): StatusError {
  const why = reason === '' ? cannot(attributes) : `${cannot(attributes)}: ${reason}`;
  if (!attributes.isResource) return new StatusError(403, 'Forbidden', `forbidden: ${why}`, {});
  return forbiddenRequest(attributes, attributes.name ?? '', why);
}

function cannot(attributes: Attributes): string {
  const who = `User ${JSON.stringify(attributes.user.name)} cannot ${attributes.verb}`;
  if (!attributes.isResource) return `${who} path ${JSON.stringify(attributes.path)}`;
  const { resource, subresource, group, namespace } = attributes;
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  return `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`;
}
