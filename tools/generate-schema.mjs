// Generates schema/* (field facts) and types/* (TypeScript shapes) of src/apimachinery and src/kinds from the Go API types.
//
//   node tools/generate-schema.mjs DIR
//
// DIR holds the Go packages k8s.io/api, apimachinery, apiextensions-apiserver and kube-aggregator under these names, as a
// distribution's golang-k8s-*-dev packages install them. Only facts are taken: names, types, protobuf
// numbers, optionality, patch and list keys, enum values. Descriptions stay where they are.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [dir] = process.argv.slice(2);
if (!dir) throw new Error('usage: node tools/generate-schema.mjs DIR');

/** Those of k8s.io/api, each with its version. */
const GROUPS = [
  'core/v1', 'admission/v1', 'admissionregistration/v1', 'apps/v1', 'authentication/v1', 'authorization/v1', 'autoscaling/v1', 'autoscaling/v2', 'batch/v1',
  'certificates/v1', 'coordination/v1', 'discovery/v1', 'events/v1', 'flowcontrol/v1', 'networking/v1', 'node/v1', 'policy/v1', 'rbac/v1', 'resource/v1',
  'scheduling/v1', 'storage/v1',
];
/** [id prefix, files with its types]. The id prefix is what other packages' references resolve to. */
const PACKAGES = [
  ['meta.v1', 'apimachinery/pkg/apis/meta/v1/types.go', 'apimachinery/pkg/apis/meta/v1/group_version.go'],
  ...GROUPS.map((group) => [group.replace('/', '.'), `api/${group}/types.go`]),
  ['apiextensions.v1', 'apiextensions-apiserver/pkg/apis/apiextensions/v1/types.go', 'apiextensions-apiserver/pkg/apis/apiextensions/v1/types_jsonschema.go'],
  ['apiregistration.v1', 'kube-aggregator/pkg/apis/apiregistration/v1/types.go'],
];
const SCALARS = { string: 'string', bool: 'bool', int: 'int32', int32: 'int32', int64: 'int64', float64: 'double', byte: 'byte' };
const FOREIGN = {
  'resource.Quantity': 'Quantity', 'intstr.IntOrString': 'IntOrString', 'runtime.RawExtension': 'Raw', 'runtime.Object': 'Raw',
  'types.UID': 'string', 'types.NodeName': 'string', 'types.NamespacedName': 'string',
};
const OWN_SCALARS = { 'meta.v1.Time': 'Time', 'meta.v1.MicroTime': 'MicroTime', 'meta.v1.Duration': 'Duration', 'meta.v1.FieldsV1': 'FieldsV1', 'apiextensions.v1.JSON': 'JSON' };

const aliases = new Map(); // id -> Go type expression, with its package
const enums = new Map(); // id -> values
const structs = new Map(); // id -> [{...}]
const atomicStructs = new Set(); // ids of structs that server-side apply takes as a whole wherever they stand

function parsePackage(prefix, file) {
  const text = readFileSync(join(dir, file), 'utf8');
  const imports = {};
  for (const [, alias, path] of text.matchAll(/^(?:import|\s)\s*(\w+)?\s*"(k8s\.io\/[^"]+)"$/gm)) {
    const m = path.match(/(?:api|apis)\/(\w+)\/(v\w+)$/);
    if (m) imports[alias ?? m[2]] = `${m[1]}.${m[2]}`;
  }
  const isEnum = new Set();
  for (const [, doc, name, expr] of text.matchAll(/((?:^\/\/.*\n)*)^type (\w+) (?!struct)([^\n]+?)(?: \/\/.*)?$/gm)) {
    aliases.set(`${prefix}.${name}`, { expr: expr.trim(), prefix, imports });
    if (/^\/\/ \+enum/m.test(doc)) isEnum.add(name);
  }
  for (const [, type, value] of text.matchAll(/^\s+\w+\s+(\w+)\s+=\s+"([^"]*)"/gm)) {
    if (isEnum.has(type)) enums.set(`${prefix}.${type}`, [...(enums.get(`${prefix}.${type}`) ?? []), value]);
  }
  for (const [, doc, name, body] of text.matchAll(/((?:^\/\/.*\n)*)^type (\w+) struct ?\{(?:\}|\n([\s\S]*?)^\})/gm)) {
    if (!OWN_SCALARS[`${prefix}.${name}`]) structs.set(`${prefix}.${name}`, parseStruct(body ?? '', prefix, imports));
    if (/^\/\/ ?\+structType=atomic/m.test(doc)) atomicStructs.add(`${prefix}.${name}`);
  }
}

function parseStruct(body, prefix, imports) {
  const fields = [];
  let doc = [];
  for (const line of body.split('\n')) {
    const comment = line.match(/^\s*\/\/ ?(.*)$/);
    if (comment) { doc.push(comment[1].trim()); continue; }
    const m = line.match(/^\s+(?:(\w+)\s+)?(\*?[\w.[\]*]+)\s+`([^`]*)`/);
    if (m) fields.push({ go: m[1] ?? m[2].replace(/^\*?(\w+\.)?/, ''), expr: m[2], tag: tags(m[3]), marks: marks(doc), prefix, imports });
    doc = [];
  }
  return fields;
}

const tags = (text) => Object.fromEntries([...text.matchAll(/(\w+):"([^"]*)"/g)].map(([, k, v]) => [k, v]));

function marks(doc) {
  const out = { keys: [] };
  for (const line of doc) {
    const m = line.match(/^\+(\w+)(?:=(.*))?$/);
    if (!m) continue;
    if (m[1] === 'listMapKey') out.keys.push(m[2]);
    else out[m[1]] = m[2] ?? true;
  }
  return out;
}

/** Resolves a Go type expression to { of?, pointer?, type, enum? }. */
function resolve(expr, prefix, imports) {
  if (expr.startsWith('*')) return { ...resolve(expr.slice(1), prefix, imports), pointer: true };
  if (expr === '[]byte') return { type: 'bytes' };
  if (expr.startsWith('[]')) { const { pointer: _, ...item } = resolve(expr.slice(2), prefix, imports); return nest('list', item); }
  const map = expr.match(/^map\[[\w.]+\](.+)$/);
  if (map) return nest('map', resolve(map[1], prefix, imports));
  if (SCALARS[expr]) return { type: SCALARS[expr] };
  if (FOREIGN[expr]) return { type: FOREIGN[expr] };
  const [pkg, name] = expr.includes('.') ? expr.split('.') : [null, expr];
  const id = `${pkg ? (imports[pkg] ?? pkg) : prefix}.${name}`;
  if (OWN_SCALARS[id]) return { type: OWN_SCALARS[id] };
  const alias = aliases.get(id);
  if (alias) {
    const resolved = resolve(alias.expr, alias.prefix, alias.imports);
    return enums.has(id) ? { ...resolved, enum: enums.get(id) } : resolved;
  }
  return { type: id };
}

/** A list inside a list or map exists in Go only under a named type (ExtraValue), which protobuf wraps in a message. */
const nest = (of, item) => (item.of ? { of, type: item.type, itemOf: item.of } : { of, ...item });

const numbered = (f) => ({ id: Number(f.tag.protobuf?.split(',')[1] ?? 0), ...resolve(f.expr, f.prefix, f.imports) });

function fieldFacts(f) {
  // A type that writes its own JSON has no names for it: one of its fields is the whole.
  if (f.tag.json === undefined) return [f.tag.protobuf.match(/name=(\w+)/)[1], { ...numbered(f), bare: true }];
  const [jsonName, ...opts] = f.tag.json.split(',');
  const inline = opts.includes('inline') || jsonName === '';
  const facts = numbered(f);
  if (inline) facts.inline = true;
  const optional = opts.includes('omitempty') || opts.includes('omitzero');
  if (optional) facts.omit = true;
  if (!f.marks.optional && !optional) facts.required = true;
  if (f.marks.default !== undefined && !String(f.marks.default).startsWith('ref(')) facts.default = JSON.parse(f.marks.default);
  if (f.tag.patchStrategy) facts.patch = f.tag.patchStrategy;
  if (f.tag.patchMergeKey) facts.key = f.tag.patchMergeKey;
  for (const k of ['listType', 'mapType', 'structType']) if (f.marks[k]) facts[k] = f.marks[k];
  if (!inline && !facts.structType && atomicStructs.has(facts.type)) facts.structType = 'atomic';
  if (f.marks.keys.length) facts.keys = f.marks.keys;
  return [inline ? facts.type.split('.').pop() : jsonName, facts];
}

const isStruct = (facts) => structs.has(facts.type);
const TS = { string: 'string', bool: 'boolean', int32: 'number', int64: 'number', double: 'number', byte: 'number', bytes: 'string', Quantity: 'string | number', IntOrString: 'number | string', Time: 'string', MicroTime: 'string', Duration: 'string', FieldsV1: 'JsonObject', Raw: 'JsonObject', JSON: 'Json' };
const ALWAYS_SET = new Set(['meta.v1.ObjectMeta/name', 'meta.v1.ObjectMeta/uid', 'meta.v1.ObjectMeta/resourceVersion', 'meta.v1.ObjectMeta/creationTimestamp']);

function tsType(facts, prefix, used) {
  let base = TS[facts.type];
  if (!base) {
    const [, pkg, name] = facts.type.match(/^(\w+\.v\w+)\.(\w+)$/);
    if (pkg !== prefix) { used.add(pkg); base = `${pkg.replace('.', '_')}.${name}`; } else base = name;
  }
  if (facts.enum && facts.enum.length > 1) base = `${facts.enum.map((v) => `'${v}'`).join(' | ')} | (string & {})`;
  if (base.startsWith('Json')) used.add(base);
  const wrap = (of, t) => (of === 'list' ? `readonly ${/[ |]/.test(t) ? `(${t})` : t}[]` : of === 'map' ? `{ readonly [key: string]: ${t} }` : t);
  return wrap(facts.of, facts.itemOf ? wrap(facts.itemOf, base) : base);
}

/** Fields with the inlined structs' fields spread in place, as they stand in JSON. */
function flat(id) {
  return structs.get(id).map(fieldFacts).flatMap(([name, facts]) => (facts.inline ? (isStruct(facts) && !facts.type.endsWith('TypeMeta') ? flat(facts.type) : []) : [[name, facts]]));
}

function emitPackage(prefix) {
  const own = [...structs.keys()].filter((id) => id.startsWith(`${prefix}.`) && id.split('.').length === prefix.split('.').length + 1);
  const used = new Set();
  const data = [`// Field facts of ${prefix}, generated by tools/generate-schema.mjs: do not edit.`, `import type { PackageFacts } from '../../apimachinery/schema.js';`, '', 'const facts: PackageFacts = {'];
  const ts = [];
  for (const id of own) {
    const name = id.slice(prefix.length + 1);
    const all = structs.get(id).map(fieldFacts).filter(([n]) => n !== '-');
    const top = all.some(([n, f]) => n === 'TypeMeta' && f.inline);
    data.push(`  ${name}: {`);
    for (const [field, facts] of all) if (field !== 'TypeMeta') data.push(`    ${/^\w+$/.test(field) ? field : `'${field}'`}: ${literal(facts)},`);
    data.push('  },');
    if (all.some(([, f]) => f.bare)) {
      ts.push(`export type ${name} = ${all.map(([, f]) => tsType(f, prefix, used)).join(' | ')};`, '');
      continue;
    }
    ts.push(`export interface ${name} {`);
    if (top) ts.push('  readonly apiVersion: string;', '  readonly kind: string;');
    for (const [field, facts] of flat(id).filter(([n]) => n !== '-')) {
      const always = ALWAYS_SET.has(`${id}/${field}`) || (isStruct(facts) && !facts.pointer && !facts.of) || !(facts.omit || facts.pointer);
      ts.push(`  readonly ${/^\w+$/.test(field) ? field : `'${field}'`}${always ? '' : '?'}: ${tsType(facts, prefix, used)};`);
    }
    ts.push('}', '');
  }
  data.push('};', 'export default facts;', '');
  const head = [`// Shapes of ${prefix} as TypeScript sees them, deeply read-only, generated by tools/generate-schema.mjs: do not edit.`];
  const json = ['Json', 'JsonObject'].filter((name) => used.delete(name));
  if (json.length > 0) head.push(`import type { ${json.join(', ')} } from '../../apimachinery/json.js';`);
  for (const pkg of [...used].sort()) head.push(`import type * as ${pkg.replace('.', '_')} from '${pkg === 'meta.v1' ? '../../apimachinery/types' : '.'}/${pkg.replace('.', '_')}.js';`);
  const file = prefix.replace('.', '_');
  const root = rootOf(prefix);
  writeFileSync(`${root}/schema/${file}.ts`, data.join('\n'));
  writeFileSync(`${root}/types/${file}.ts`, [...head, '', ...ts].join('\n'));
}

/** meta.v1 belongs to the vocabulary; the API groups belong to the kinds. */
const rootOf = (prefix) => (prefix === 'meta.v1' ? 'src/apimachinery' : 'src/kinds');

const literal = (v) => `{ ${Object.entries(v).map(([k, x]) => `${k}: ${JSON.stringify(x).replaceAll('"', "'")}`).join(', ')} }`;

for (const [prefix, ...files] of PACKAGES) for (const file of files) parsePackage(prefix, file);
for (const [prefix] of PACKAGES) for (const dir of ['schema', 'types']) mkdirSync(`${rootOf(prefix)}/${dir}`, { recursive: true });
for (const [prefix] of PACKAGES) emitPackage(prefix);
