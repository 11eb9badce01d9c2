// Which form a client gets for its Accept header.
import { describe, expect, it } from 'vitest';
import { formOf } from '../../../src/apiserver/http/negotiate.js';

const form = (accept: string | undefined, query = '') => formOf(accept, new URLSearchParams(query));

describe('the form of an answer', () => {
  const cases: [string | undefined, object][] = [
    [undefined, { type: 'json' }],
    ['*/*', { type: 'json' }],
    ['application/json', { type: 'json' }],
    ['application/yaml', { type: 'yaml' }],
    ['application/vnd.kubernetes.protobuf,application/json', { type: 'json' }],
    ['application/json;q=0.5, application/yaml', { type: 'yaml' }],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', { type: 'table', includeObject: 'Metadata' }],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json', { type: 'json' }],
    ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json', { type: 'metadata' }],
  ];
  for (const [accept, wanted] of cases) it(`${accept}`, () => expect(form(accept)).toEqual(wanted));

  it('is refused where none is accepted', () => {
    expect(() => form('application/vnd.kubernetes.protobuf')).toThrow(/only the following media types are accepted/);
    expect(() => form('text/html')).toThrow(/application\/json, application\/yaml/);
  });

  it('carries the objects that were asked for', () => {
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    expect(form(table, 'includeObject=Object')).toEqual({ type: 'table', includeObject: 'Object' });
    expect(() => form(table, 'includeObject=Some')).toThrow(/includeObject/);
  });
});
