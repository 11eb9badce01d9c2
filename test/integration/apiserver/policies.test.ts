// ValidatingAdmissionPolicies as users write them: rules in CEL, bound with actions and parameters, told in upstream's words.
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { StatusError } from '../../../src/apimachinery/status.js';
import { validatingAdmissionPolicies } from '../../../src/kinds/admissionregistration/validatingadmissionpolicy.js';
import { validatingAdmissionPolicyBindings } from '../../../src/kinds/admissionregistration/validatingadmissionpolicybinding.js';
import { validatingWebhookConfigurations } from '../../../src/kinds/admissionregistration/validatingwebhookconfiguration.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import type { AnyKind } from '../../../src/kinds/define.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { Kubectl } from '../../suites/kubectl.js';
import { startWebhookServer, type WebhookServer } from '../../suites/webhook-server.js';

let api: TestServer;
let kubectl: Kubectl;
let hooks: WebhookServer;
beforeAll(async () => {
  api = await startTestServer();
  kubectl = new Kubectl('1.35', api.kubeconfig, join(api.dir, 'home'));
  hooks = await startWebhookServer();
});
afterAll(async () => {
  await hooks?.stop();
  await api?.stop();
});
afterEach(async () => {
  for (const kind of [validatingAdmissionPolicies, validatingAdmissionPolicyBindings, validatingWebhookConfigurations] as AnyKind[]) {
    for (const { metadata } of (await api.client.list(kind)).items) await api.client.delete(kind, metadata);
    await api.client.list(kind);
  }
});

const matching = (resources: string[], apiGroups = ['']) => ({
  resourceRules: [{ apiGroups, apiVersions: ['*'], operations: ['CREATE', 'UPDATE', 'DELETE'], resources }],
});

/** Resolves once both are in force. */
async function policy(name: string, spec: object, binding: object = {}): Promise<void> {
  const whole = { matchConstraints: matching(['configmaps']), ...spec };
  await api.client.create(validatingAdmissionPolicies, { metadata: { name }, spec: whole } as never);
  const bound = { policyName: name, validationActions: ['Deny'], ...binding };
  await api.client.create(validatingAdmissionPolicyBindings, { metadata: { name: `${name}-binding` }, spec: bound } as never);
  await api.client.list(validatingAdmissionPolicies);
  await api.client.list(validatingAdmissionPolicyBindings);
}

let made = 0;
const create = (data: object, metadata: object = {}) =>
  api.client.create(configMaps, { metadata: { name: `c${made++}`, namespace: 'default', ...metadata }, data } as never);
const outcome = (request: Promise<unknown>): Promise<string> =>
  request.then(
    () => 'allowed',
    (error: StatusError) => error.message.replace(/"c\d+"/, '"C"'),
  );

describe('validations', () => {
  test('refuse with the expression, its message, or what the message expression says', async () => {
    await policy('rules', {
      validations: [
        { expression: "object.data.a != 'x'" },
        { expression: "object.data.a != 'y'", message: 'not y', reason: 'Forbidden' },
        {
          expression: "object.data.a != 'z'",
          message: 'unused',
          messageExpression: "'not ' + object.data.a + ' by ' + request.userInfo.username",
        },
      ],
    });
    const denied = "configmaps \"C\" is forbidden: ValidatingAdmissionPolicy 'rules' with binding 'rules-binding' denied request: ";
    expect(await outcome(create({ a: 'b' }))).toBe('allowed');
    expect(await outcome(create({ a: 'x' }))).toBe(`${denied}failed expression: object.data.a != 'x'`);
    await expect(create({ a: 'x' })).rejects.toMatchObject({ code: 422, reason: 'Invalid' });
    await expect(create({ a: 'y' })).rejects.toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: expect.stringContaining('denied request: not y'),
    });
    expect(await outcome(create({ a: 'z' }))).toBe(`${denied}not z by kubernetes-admin`);
  });

  test('see the old object, the namespace, and variables that are evaluated where they are used', async () => {
    await policy('sight', {
      matchConditions: [{ name: 'has-data', expression: 'has(object.data)' }],
      variables: [
        { name: 'team', expression: "namespaceObject.metadata.labels['team']" },
        { name: 'greeting', expression: "'hello ' + variables.team" },
        { name: 'broken', expression: 'object.data.nowhere' },
      ],
      validations: [
        { expression: "request.operation != 'UPDATE' || object.data.fixed == oldObject.data.fixed", message: 'fixed is fixed' },
        { expression: "object.data.fixed != 'team' || variables.greeting == 'hello blue'", messageExpression: 'variables.greeting' },
        { expression: "object.data.fixed != 'broken' || variables.broken == ''" },
      ],
    });
    await api.client.create(namespaces, { metadata: { name: 'red', labels: { team: 'red' } } });
    await api.client.create(namespaces, { metadata: { name: 'blue', labels: { team: 'blue' } } });
    expect(await outcome(create({ fixed: 'team' }, { namespace: 'red' }))).toContain('denied request: hello red');
    const { metadata } = await create({ fixed: 'team' }, { namespace: 'blue' });
    const change = api.client.patch(configMaps, metadata, 'application/merge-patch+json', { data: { fixed: 'other' } });
    expect(await outcome(change)).toContain('denied request: fixed is fixed');
    expect(await outcome(create({ fixed: 'broken' }))).toContain(
      "denied request: expression 'object.data.fixed != 'broken' || variables.broken == ''' resulted in error: no such key: nowhere",
    );
  });

  test('ask the authorizer what the user may do', async () => {
    await policy('rights', {
      validations: [
        {
          expression:
            "authorizer.group('').resource('configmaps').namespace('default').check('get').allowed() && " +
            "!authorizer.serviceAccount('default', 'nobody').group('').resource('configmaps').namespace('default').check('get').allowed() && " +
            "authorizer.requestResource.check('delete').allowed() && " +
            "authorizer.group('').resource('pods').fieldSelector('spec.nodeName=n').labelSelector('a=b').check('list').allowed()",
        },
      ],
    });
    expect(await outcome(create({}))).toBe('allowed');
  });

  test('whose evaluation fails are no reason where failures are to be ignored', async () => {
    await policy('lax', {
      failurePolicy: 'Ignore',
      validations: [{ expression: "object.data.missing == 'x'" }, { expression: "object.data.a == 'b'" }],
    });
    expect(await outcome(create({ a: 'b' }))).toBe('allowed');
    expect(await outcome(create({ a: 'c' }))).toContain("failed expression: object.data.a == 'b'");
  });
});

describe('bindings', () => {
  test('narrow what a policy is about, and one without a binding is about nothing', async () => {
    const validations = [{ expression: 'false', message: 'never' }];
    await policy('narrow', { validations }, { matchResources: { objectSelector: { matchLabels: { check: 'me' } } } });
    await api.client.create(validatingAdmissionPolicies, {
      metadata: { name: 'loose' },
      spec: { validations, matchConstraints: matching(['configmaps']) },
    } as never);
    expect(await outcome(create({}))).toBe('allowed');
    expect(await outcome(create({}, { labels: { check: 'me' } }))).toContain(
      "policy 'narrow' with".replace('policy', 'ValidatingAdmissionPolicy'),
    );
  });

  test('give parameters, and say what to do without', async () => {
    const spec = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: matching(['deployments'], ['apps']),
      validations: [{ expression: 'object.spec.replicas <= int(params.data.max)', messageExpression: "'at most ' + params.data.max" }],
    };
    await policy('limit', spec, { paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' } });
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const deploy = (replicas: number) =>
      api.client.create(deployments, {
        metadata: { name: `d${made++}`, namespace: 'default' },
        spec: { replicas, selector: { matchLabels: { a: 'b' } }, template },
      } as never);
    expect(await outcome(deploy(1))).toContain(
      'denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
    );
    await create({ max: '3' }, { name: 'limits' });
    expect(await outcome(deploy(3))).toBe('allowed');
    expect(await outcome(deploy(4))).toContain('denied request: at most 3');
  });
});

test('kubectl shows policies, their warnings, and what is wrong with one', async () => {
  await policy('noisy', { validations: [{ expression: 'false', message: 'frowned upon' }] }, { validationActions: ['Warn', 'Audit'] });
  const { stderr, code } = await kubectl.run(['create', 'configmap', 'warned']);
  expect([code, stderr]).toEqual([
    0,
    "Warning: Validation failed for ValidatingAdmissionPolicy 'noisy' with binding 'noisy-binding': frowned upon\n",
  ]);
  expect(await kubectl.ok(['get', 'validatingadmissionpolicy'])).toMatch(/^NAME +VALIDATIONS +PARAMKIND +AGE\nnoisy +1 +<unset> +/);
  expect(await kubectl.ok(['get', 'validatingadmissionpolicybinding'])).toMatch(
    /^NAME +POLICYNAME +PARAMREF +AGE\nnoisy-binding +noisy +<unset> +/,
  );
  const wrong = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'wrong' },
    spec: {
      failurePolicy: 'Maybe',
      matchConstraints: {
        resourceRules: [{ apiGroups: ['*', 'a'], apiVersions: ['v1'], operations: ['GET'], resources: ['pods', 'pods/*', 'pods/x'] }],
      },
      validations: [{ expression: 'params.x == 1' }, { expression: "'text'" }],
    },
  };
  const error = await kubectl.fails(['create', '-f', '-'], JSON.stringify(wrong));
  for (const part of [
    'spec.failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"',
    `spec.matchConstraints.resourceRules[0].apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other API groups`,
    'spec.matchConstraints.resourceRules[0].operations[0]: Unsupported value: "GET": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
    'spec.matchConstraints.resourceRules[0].resources[2]: Invalid value: "pods/x": if \'pods/*\' is present, must not specify pods/x',
    'spec.validations[0].expression: Invalid value: "params.x == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to \'params\'',
    'spec.validations[1].expression: Invalid value: "\'text\'": must evaluate to bool',
  ]) {
    expect(error).toContain(part);
  }
});

test('match conditions of webhooks: false passes it by, an error counts as its failure', async () => {
  const hook = (name: string, expression: string, failurePolicy = 'Fail') =>
    api.client.create(validatingWebhookConfigurations, {
      metadata: { name },
      webhooks: [
        {
          name: `${name}.example.com`,
          clientConfig: hooks.clientConfig(name),
          rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
          matchConditions: [{ name: 'condition', expression }],
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy,
        },
      ],
    } as never);
  await hook('picky', "object.data.ask == 'yes'");
  await api.client.list(validatingWebhookConfigurations);
  hooks.decide.set('picky', () => ({ allowed: false }));
  expect(await outcome(create({ ask: 'no' }))).toBe('allowed');
  expect(await outcome(create({ ask: 'yes' }))).toContain('denied the request without explanation');
  expect(await outcome(create({ a: 'b' }))).toBe(
    "configmaps \"C\" is forbidden: expression 'object.data.ask == 'yes'' resulted in error: no such key: ask",
  );
  await expect(hook('bad', 'object.data +')).rejects.toMatchObject({
    code: 422,
    message: expect.stringContaining('webhooks[0].matchConditions[0].expression'),
  });
});
