// draftOf: a stored object as one to change. What caches hold is shared by all who read it.
import { cloneJson } from '../apimachinery/clone.js';
import type { Json } from '../apimachinery/json.js';
import type { KubeObject } from '../apimachinery/object.js';
import type { Mutable } from '../kinds/define.js';

/** Shares nothing with `object`. */
export const draftOf = (object: KubeObject) => cloneJson(object as unknown as Json) as unknown as Mutable<KubeObject>;
