// onlyDeclared: a controller's client that writes nothing but the controller's declared outputs, as its lister reads nothing but its inputs.
import type { Client } from '../client/client.js';
import { guardWrites } from '../client/guarded.js';
import type { AnyKind } from '../kinds/define.js';
import { kinds } from '../kinds/index.js';
import type { ControllerDefinition } from './define.js';

/** A write to anything else is rejected with an Error: it is a defect, and the graph of who reacts to what would be wrong. */
export function onlyDeclared(client: Client, { name, outputs, customInputs }: ControllerDefinition): Client {
  const declared = new Set(outputs.map((output) => ('of' in output ? idOf(output.of, output.subresource) : idOf(output))));
  const scales = outputs.some((output) => 'of' in output && output.subresource === 'scale');
  return guardWrites(client, (kind, subresource) => {
    if (declared.has(idOf(kind, subresource))) return;
    // Who takes the kinds that users define as inputs acts on them just the same.
    if (customInputs && !subresource && !kinds.includes(kind)) return;
    // Who scales does so with what users define, too.
    if (scales && subresource === 'scale' && !kinds.includes(kind)) return;
    throw new Error(`controller ${name} writes ${kind.plural}${subresource ? `/${subresource}` : ''}, which is not among its outputs`);
  });
}

const idOf = ({ apiVersion, plural }: AnyKind, subresource = '') => `${apiVersion}/${plural}/${subresource}`;
