// Which form a client gets for its Accept header.
import { describe, expect, it } from 'vitest';
import { errorFormOf, type Form, formOf, JSON_FORM } from '../../../src/apiserver/http/negotiate.js';

const form = (accept: string | undefined, query = '', more: { protobuf?: boolean; watch?: boolean; userAgent?: string } = {}) =>
  formOf({ accept, userAgent: undefined, protobuf: true, watch: false, query: new URLSearchParams(query), ...more });
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

describe('the form of an answer', () => {
  const cases: [string | undefined, Partial<Form>][] = [
    [undefined, {}],
    ['*/*', {}],
    ['application/*', {}],
    ['application/json', {}],
    ['application/json;charset=utf-8', {}],
    ['application/yaml', { media: 'yaml' }],
    ['application/vnd.kubernetes.protobuf', { media: 'protobuf' }],
    ['application/vnd.kubernetes.protobuf,application/json', { media: 'protobuf' }],
    ['application/cbor, application/json', {}],
    ['text/html, */*;q=0.1', {}],
    ['*/*, application/yaml', { media: 'yaml' }],
    ['application/json;q=0.5, application/yaml', { media: 'yaml' }],
    ['application/json;q=0, application/yaml;q=0.2', { media: 'yaml' }],
    ['application/json;pretty=1', { pretty: true }],
    [`${TABLE},application/json`, { as: 'table' }],
    ['application/yaml;as=Table;v=v1;g=meta.k8s.io', { as: 'table', media: 'yaml' }],
    // kubectl 1.20 asks for three; protobuf has no place for a table's cells.
    ['application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json', {}],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json', { as: 'table', metaVersion: 'v1beta1' }],
    ['application/json;as=Table;v=v2;g=meta.k8s.io,application/json', {}],
    ['application/json;as=Chair;v=v1;g=meta.k8s.io,application/yaml', { media: 'yaml' }],
    ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json', { as: 'metadataList' }],
    ['application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1', { as: 'metadata', media: 'protobuf' }],
  ];
  for (const [accept, wanted] of cases) it(`${accept}`, () => expect(form(accept)).toEqual({ ...JSON_FORM, ...wanted }));

  it('is refused where none is accepted', () => {
    for (const accept of ['text/html', 'application/cbor', 'application/json;sv=v2', 'application/yaml;stream=watch']) {
      expect(() => form(accept), accept).toThrow(
        'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
      );
    }
    const streamed =
      'only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch';
    for (const accept of ['text/html', 'application/yaml, application/json']) {
      expect(() => form(accept, '', { watch: true }), accept).toThrow(streamed);
    }
    expect(form('application/vnd.kubernetes.protobuf;stream=watch', '', { watch: true }).media).toBe('protobuf');
  });

  it('is no protobuf for custom resources, but for their metadata', () => {
    const custom = (accept: string) => form(accept, '', { protobuf: false });
    expect(custom('application/vnd.kubernetes.protobuf,application/json').media).toBe('json');
    expect(() => custom('application/vnd.kubernetes.protobuf')).toThrow(/only the following/);
    const partial = 'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
    expect(custom(partial)).toMatchObject({ media: 'protobuf', as: 'metadataList' });
  });

  it('carries the objects that were asked for', () => {
    expect(form(TABLE, 'includeObject=Object')).toMatchObject({ as: 'table', includeObject: 'Object' });
    expect(() => form(TABLE, 'includeObject=Some')).toThrow(
      `Unable to convert to Table as requested: includeObject: Invalid value: "Some": must be 'Metadata', 'Object', 'None', or empty`,
    );
    expect(form(undefined, 'includeObject=Some')).toEqual(JSON_FORM);
  });

  it('has line breaks for people', () => {
    for (const userAgent of ['curl/8.5.0', 'Wget/1.21', 'Mozilla/5.0 (X11)']) {
      expect(form(undefined, '', { userAgent }).pretty).toBe(true);
      expect(form('application/json', 'pretty=false', { userAgent }).pretty).toBe(false);
    }
    expect(form('application/json', 'pretty=true', { userAgent: 'kubectl/v1.35.0' }).pretty).toBe(true);
    expect(form('application/json', 'pretty=', { userAgent: 'kubectl/v1.35.0' }).pretty).toBe(false);
  });
});

describe('the form of an error', () => {
  const ofError = (accept: string | undefined) => errorFormOf(accept, undefined, new URLSearchParams());

  it('is the first type that is not turned into something else', () => {
    expect(ofError(undefined)).toEqual(JSON_FORM);
    expect(ofError(`${TABLE},application/yaml`)).toEqual({ ...JSON_FORM, media: 'yaml' });
    expect(ofError('application/vnd.kubernetes.protobuf,application/json')).toEqual({ ...JSON_FORM, media: 'protobuf' });
    expect(ofError(TABLE)).toBeUndefined();
    expect(ofError('text/html')).toBeUndefined();
  });
});
