// Descriptions: what `kubectl explain` says of built-in types and their fields. The build makes the file (tools/generate-descriptions.mjs);
// without it documents are the same, only without these texts.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../apimachinery/project-root.js';
import type { ObjectSchema } from '../../apimachinery/schema.js';
import { OWN_DESCRIPTIONS } from './own-descriptions.js';

const FILE = join(PROJECT_ROOT, 'dist/descriptions.json');

/** By type name, and by field within it; the type's own text stands under the empty name. */
type Texts = { readonly [type: string]: { readonly [field: string]: string } };

/** Large: to be loaded when a document is made, and dropped afterwards. */
export class Descriptions {
  private constructor(private readonly texts: Texts) {}

  static load(): Descriptions {
    return new Descriptions(existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Texts) : {});
  }

  ofType(schema: ObjectSchema): string | undefined {
    return this.#text(schema, '');
  }

  /** A field without a text of its own is described by what its type is. */
  ofField(schema: ObjectSchema, field: string): string | undefined {
    const own = this.#text(schema, field);
    if (own) return own;
    const type = schema.fields.get(field)?.object;
    return type && this.ofType(type);
  }

  /** Types are named by version and name, and by their group as well where two groups have one of the same name. */
  #text({ id }: ObjectSchema, field: string): string | undefined {
    const [group = '', version = '', name = ''] = id.split('.');
    const type = capital(version) + name;
    return (this.texts[capital(group) + type] ?? this.texts[type])?.[field] || OWN_DESCRIPTIONS[type]?.[field];
  }
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
