// Writes dist/descriptions.json, what `kubectl explain` says of each built-in type and field, from the comments of @kubernetes/client-node's
// declarations: { "V1Pod": { "": "of the type", "spec": "of the field" } }. The texts are Kubernetes' own, which is why they are not kept here.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const OUT = 'dist/descriptions.json';
const COMMENT = String.raw`\/\*\*\n\s*\* (.*)\n\s*\*\/\n`;
const TYPE = new RegExp(`${COMMENT}export declare class (\\w+)`);
const FIELD = new RegExp(`${COMMENT}\\s*'(.+?)'\\??:`, 'g');
/** The same fields under the names that JSON has for them: `_default` is `default`. */
const NAME = /"name": "(.+?)",\s*"baseName": "(.+?)"/g;

/** Undoes what keeps a text from ending the comment or a string that it stands in. */
const plain = (text) =>
  text
    .replaceAll(/\\(['"`\\])/g, '$1')
    .replaceAll('*_/', '*/')
    .replaceAll('/_*', '/*')
    .trim();

function describe(declarations, code) {
  const [, text, name] = TYPE.exec(declarations) ?? [];
  if (!name) return undefined;
  const jsonNames = new Map([...code.matchAll(NAME)].map(([, own, json]) => [own, json]));
  const fields = [...declarations.matchAll(FIELD)].map(([, comment, field]) => [jsonNames.get(field) ?? field, plain(comment)]);
  return [name, { '': plain(text), ...Object.fromEntries(fields) }];
}

const require = createRequire(import.meta.url);
const models = join(dirname(require.resolve('@kubernetes/client-node')), 'gen', 'models');
const described = readdirSync(models)
  .filter((file) => file.endsWith('.d.ts'))
  .map((file) => join(models, file))
  .map((file) => describe(readFileSync(file, 'utf8'), readFileSync(file.replace(/\.d\.ts$/, '.js'), 'utf8')))
  .filter((each) => each !== undefined);
if (described.length === 0) throw new Error(`no declarations of types in ${models}: has the package changed?`);
mkdirSync(dirname(OUT), { recursive: true });
writeFileSync(OUT, JSON.stringify(Object.fromEntries(described)));
