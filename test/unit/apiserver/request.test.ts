// What a path and a method ask for.
import { describe, expect, it } from 'vitest';
import { requestInfo } from '../../../src/apiserver/request.js';

const info = (method: string, url: string) => {
  const [path, query] = url.split('?');
  return requestInfo(method, path!, new URLSearchParams(query));
};

describe('request info', () => {
  const cases: [string, string, object][] = [
    ['GET', '/api/v1/pods', { verb: 'list', group: '', version: 'v1', resource: 'pods', namespace: undefined, name: undefined }],
    ['GET', '/api/v1/pods?watch=1', { verb: 'watch' }],
    ['GET', '/api/v1/pods?watch', { verb: 'watch' }],
    ['GET', '/api/v1/pods?watch=false', { verb: 'list' }],
    ['GET', '/api/v1/pods?watch=False', { verb: 'list' }],
    ['GET', '/api/v1/namespaces/dev/pods', { verb: 'list', namespace: 'dev', resource: 'pods' }],
    ['GET', '/api/v1/namespaces/dev/pods/a', { verb: 'get', namespace: 'dev', name: 'a', subresource: undefined }],
    ['GET', '/api/v1/namespaces/dev/pods/a/log', { verb: 'get', subresource: 'log' }],
    ['POST', '/api/v1/namespaces/dev/pods/a/binding', { verb: 'create', subresource: 'binding' }],
    ['GET', '/api/v1/namespaces/dev', { verb: 'get', resource: 'namespaces', name: 'dev', namespace: undefined }],
    ['PUT', '/api/v1/namespaces/dev/finalize', { verb: 'update', resource: 'namespaces', name: 'dev', subresource: 'finalize' }],
    ['PUT', '/apis/apps/v1/namespaces/dev/deployments/d/scale', { group: 'apps', resource: 'deployments', subresource: 'scale' }],
    ['DELETE', '/apis/apps/v1/namespaces/dev/deployments', { verb: 'deletecollection' }],
    ['GET', '/api/v1/watch/namespaces/dev/pods', { verb: 'watch', namespace: 'dev', resource: 'pods', name: undefined }],
    ['GET', '/apis/apps/v1/watch/namespaces/dev/deployments/d', { verb: 'watch', resource: 'deployments', name: 'd' }],
    ['GET', '/api/v1/watch/namespaces/dev', { verb: 'watch', resource: 'namespaces', name: 'dev' }],
    ['PATCH', '/api/v1/nodes/n%2D1', { verb: 'patch', name: 'n-1' }],
  ];
  for (const [method, url, wanted] of cases) {
    it(`${method} ${url}`, () => expect(info(method, url)).toMatchObject({ isResource: true, ...wanted }));
  }

  for (const path of ['/', '/api', '/api/v1', '/apis/apps/v1', '/livez', '/openapi/v3/api/v1', '/api/v1/a/b/c/d', '/api/v1//pods']) {
    it(`${path} is no resource`, () => expect(info('GET', path)).toMatchObject({ isResource: false, verb: 'get' }));
  }

  it('refuses what is no path', () => {
    expect(() => info('GET', '/api/v1/pods/%zz')).toThrow(/not well formed/);
    expect(() => info('GET', `/api/v1/${'x'.repeat(5000)}`)).toThrow(/longer than/);
  });
});
