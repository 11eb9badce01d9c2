// The kubelet's flags, as upstream names them: one for each field of its configuration that upstream has a flag for.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Json, type JsonObject, jsonText } from '../../src/apimachinery/json.js';
import type { Field, Fields } from './field.js';
import { kubeletConfiguration } from './kubelet-configuration.js';

interface Flag {
  /** Where the value belongs in the configuration. */
  readonly path: readonly string[];
  readonly option: Option;
}

/** `nodeStatusMaxImages`: `--node-status-max-images`; `clusterDNS`: `--cluster-dns`. */
export const flagName = (field: string) => `--${field.replace(/([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$1$3-$2').toLowerCase()}`;

function* flagsOf(fields: Fields, above: readonly string[]): Iterable<Flag> {
  for (const [name, field] of Object.entries(fields)) {
    const path = [...above, name];
    if (field.fields) yield* flagsOf(field.fields, path);
    else if (field.flag !== null) yield { path, option: optionOf(field, path) };
  }
}

function optionOf(field: Field<unknown>, path: readonly string[]): Option {
  const { initial, about, flag = flagName(path.at(-1)!) } = field;
  const initially = field.write(initial);
  const shown = initially === '' ? '' : ` (default: ${Array.isArray(initially) ? initially.join(',') : jsonText(initially)})`;
  const option = new Option(`${flag} ${typeof initial === 'boolean' ? '[boolean]' : '<value>'}`, `${about ?? ''}${shown}`);
  if (about === undefined) option.hideHelp();
  // Without a value it is set.
  if (typeof initial === 'boolean') option.preset('true');
  return option.argParser((text: string) => {
    const value = field.fromText(text);
    try {
      field.read(value, path.join('.'));
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`);
    }
    return value;
  });
}

const flags: readonly Flag[] = [...flagsOf(kubeletConfiguration.fields!, [])];

export function addKubeletFlags(command: Command): Command {
  for (const { option } of flags) command.addOption(option);
  return command;
}

/** The configuration that the command line asks for; fields without a flag given are not in it. */
export function configurationFromFlags(given: { readonly [attribute: string]: unknown }): JsonObject {
  const configuration = {};
  for (const { path, option } of flags) {
    const value = given[option.attributeName()] as Json | undefined;
    if (value !== undefined) setAt(configuration, path, value);
  }
  return configuration;
}

function setAt(target: { [name: string]: Json }, [name = '', ...rest]: readonly string[], value: Json): void {
  if (rest.length === 0) target[name] = value;
  else setAt((target[name] ??= {}) as { [name: string]: Json }, rest, value);
}
