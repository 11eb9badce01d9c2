// The kinds of resource.k8s.io: defaults, refusals in upstream's words, what a claim's status may say, rows.
import { describe, expect, it } from 'vitest';
import { deviceClasses } from '../../../src/kinds/resource/deviceclass.js';
import { resourceClaims } from '../../../src/kinds/resource/resourceclaim.js';
import { resourceClaimTemplates } from '../../../src/kinds/resource/resourceclaimtemplate.js';
import { resourceSlices } from '../../../src/kinds/resource/resourceslice.js';
import { created, errorsOf, headingsOf, rowOf, statusErrorsOf, updateErrorsOf } from './objects.js';

const exactly = (more: object = {}) => ({ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com', ...more } });
const claim = (devices: object = {}) => ({ metadata: { name: 'c' }, spec: { devices: { requests: [exactly()], ...devices } } });

describe('a ResourceClaim', () => {
  it('is for one device by default', () => {
    expect(created(resourceClaims, claim()).spec.devices.requests[0]?.exactly).toMatchObject({ allocationMode: 'ExactCount', count: 1 });
  });

  const unknown = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  it.each([
    [{}, []],
    [
      {
        requests: [
          {
            name: 'g',
            firstAvailable: [
              { name: 'a', deviceClassName: 'x' },
              { name: 'b', deviceClassName: 'y' },
            ],
          },
        ],
        config: [{ requests: ['g/a'], opaque: { driver: 'd.example.com', parameters: {} } }],
      },
      [],
    ],
    [{ requests: [{ name: 'g' }] }, ['spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required']],
    [
      { requests: [exactly(), exactly({ deviceClassName: '' })] },
      ['spec.devices.requests[1].exactly.deviceClassName: Required value', 'spec.devices.requests[1]: Duplicate value: "gpu"'],
    ],
    [
      { requests: [exactly({ allocationMode: 'All', count: 2 })] },
      ["spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'"],
    ],
    [
      { requests: [exactly({ allocationMode: 'Some' })] },
      ['spec.devices.requests[0].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"'],
    ],
    [{ requests: [exactly({ selectors: [{}] })] }, ['spec.devices.requests[0].exactly.selectors[0].cel: Required value']],
    [
      { constraints: [{ requests: ['cpu'], matchAttribute: 'numa' }] },
      [
        `spec.devices.constraints[0].requests[0]: Invalid value: "cpu": ${unknown}`,
        'spec.devices.constraints[0].matchAttribute: Invalid value: "numa": a fully qualified name must be a domain and a name separated by a slash',
      ],
    ],
    [
      { config: [{ requests: ['gpu/a/b'] }] },
      [`spec.devices.config[0].requests[0]: Invalid value: "gpu/a/b": ${unknown}`, 'spec.devices.config[0].opaque: Required value'],
    ],
    [{ requests: new Array(33).fill(exactly()) }, ['spec.devices.requests: Too many: 33: must have at most 32 items']],
  ])('with the devices %j gets the errors %j', (devices, errors) => {
    expect(errorsOf(resourceClaims, claim(devices))).toEqual(errors);
  });

  it('asks for the same as long as it is there', () => {
    const [error] = updateErrorsOf(resourceClaims, claim(), claim({ requests: [exactly({ count: 2 })] }));
    expect(error).toMatch(/^spec: Invalid value: \{.*\}: field is immutable$/);
  });

  const result = { request: 'gpu', driver: 'd.example.com', pool: 'node-1', device: 'gpu-0' };
  const allocation = { devices: { results: [result] } };
  const pod = { resource: 'pods', name: 'p', uid: 'u' };
  it.each([
    [{}, { allocation, reservedFor: [pod] }, []],
    [{}, { reservedFor: [pod] }, ['status.reservedFor: Forbidden: may not be specified when `allocated` is not set']],
    [
      {},
      { allocation, reservedFor: [pod, { ...pod, name: '' }] },
      ['status.reservedFor[1].name: Required value', 'status.reservedFor[1]: Duplicate value: "u"'],
    ],
    [
      {},
      { allocation: { devices: { results: [{ ...result, request: 'tpu' }] } } },
      [`status.allocation.devices.results[0].request: Invalid value: "tpu": ${unknown}`],
    ],
    [
      { allocation },
      { allocation: { devices: { results: [{ ...result, device: 'gpu-1' }] } } },
      [expect.stringMatching(/^status\.allocation: Invalid value: .*: field is immutable$/)],
    ],
    [
      {},
      { allocation, devices: [{ driver: 'd.example.com', pool: 'node-1', device: 'gpu-7' }] },
      ['status.devices[0]: Invalid value: "d.example.com/node-1/gpu-7": must be an allocated device in the claim'],
    ],
  ])('whose status was %j and becomes %j gets the errors %j', (before, after, errors) => {
    expect(statusErrorsOf(resourceClaims, claim(), before, after)).toEqual(errors);
  });

  it('is a row', () => {
    expect(headingsOf(resourceClaims)).toEqual(['NAME', 'STATE', 'AGE']);
    const object = created(resourceClaims, claim());
    expect(rowOf(resourceClaims, object)).toEqual(['c', 'pending', '24h']);
    expect(rowOf(resourceClaims, { ...object, status: { allocation, reservedFor: [pod] } })).toEqual(['c', 'allocated,reserved', '24h']);
  });
});

describe('a ResourceClaimTemplate and a DeviceClass', () => {
  it('of a template is a claim’s spec with its metadata, and stays', () => {
    const template = (devices: object = {}) => ({
      metadata: { name: 't' },
      spec: { metadata: { labels: { a: 'b' } }, spec: claim(devices).spec },
    });
    expect(errorsOf(resourceClaimTemplates, template())).toEqual([]);
    expect(errorsOf(resourceClaimTemplates, template({ requests: [exactly(), { name: 'x' }] }))).toEqual([
      'spec.spec.devices.requests[1]: Required value: exactly one of `exactly` or `firstAvailable` is required',
    ]);
    expect(updateErrorsOf(resourceClaimTemplates, template(), template({ requests: [] }))).toEqual([
      expect.stringMatching(/^spec: .*immutable$/),
    ]);
    expect(headingsOf(resourceClaimTemplates)).toEqual(['NAME', 'AGE']);
  });

  it.each([
    [{ selectors: [{ cel: { expression: 'device.driver == "d"' } }], extendedResourceName: 'example.com/gpu' }, []],
    [{ extendedResourceName: 'cpu' }, ['spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name']],
    [
      { config: [{ opaque: { driver: '' } }] },
      ['spec.config[0].opaque.driver: Required value', 'spec.config[0].opaque.parameters: Required value'],
    ],
  ])('of a class with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(deviceClasses, { metadata: { name: 'gpu.example.com' }, spec })).toEqual(errors);
  });
});

describe('a ResourceSlice', () => {
  const device = (more: object = {}) => ({
    name: 'gpu-0',
    attributes: { model: { string: 'a100' } },
    capacity: { 'example.com/memory': { value: '40Gi' } },
    ...more,
  });
  const slice = (spec: object = {}) => ({
    metadata: { name: 's' },
    spec: { driver: 'd.example.com', nodeName: 'n1', pool: { name: 'n1', resourceSliceCount: 1 }, devices: [device()], ...spec },
  });
  const at = 'spec.devices[0]';

  it.each([
    [{}, []],
    [
      { nodeName: undefined },
      ['spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'],
    ],
    [
      { allNodes: true },
      [
        'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
      ],
    ],
    [
      { pool: { name: 'a/B', resourceSliceCount: 0 } },
      [
        expect.stringMatching(/^spec\.pool\.name: Invalid value: "B": a lowercase RFC 1123 subdomain/),
        'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
      ],
    ],
    [
      { devices: [device({ attributes: { model: {}, both: { int: 1, bool: true }, v: { version: '1' } } })] },
      [
        `${at}.attributes[model]: Invalid value: "": exactly one value must be specified`,
        `${at}.attributes[both]: Invalid value: {"int":1,"bool":true}: exactly one value must be specified`,
        `${at}.attributes[v].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0`,
      ],
    ],
    [
      { devices: [device({ allNodes: true })] },
      [
        `${at}: Invalid value: null: \`nodeName\`, \`nodeSelector\` and \`allNodes\` can only be set if \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`,
      ],
    ],
    [{ devices: [device(), device()] }, ['spec.devices[1]: Duplicate value: "gpu-0"']],
    [{ devices: undefined, sharedCounters: [{ name: 'memory' }] }, ['spec.sharedCounters[0].counters: Required value']],
  ])('with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(resourceSlices, slice(spec))).toEqual(errors);
  });

  it('stays its node’s, and is a row', () => {
    expect(updateErrorsOf(resourceSlices, slice(), slice({ nodeName: 'n2' }))).toEqual([
      'spec.nodeName: Invalid value: "n2": field is immutable',
    ]);
    expect(headingsOf(resourceSlices)).toEqual(['NAME', 'NODE', 'DRIVER', 'POOL', 'AGE']);
    expect(rowOf(resourceSlices, created(resourceSlices, slice()))).toEqual(['s', 'n1', 'd.example.com', 'n1', '24h']);
  });
});
