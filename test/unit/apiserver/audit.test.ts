// The audit policy: which rule a request falls under, and what is wrong with one that makes no sense. The log: put aside when large.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { AuditLog } from '../../../src/apiserver/audit/log.js';
import { AuditPolicy } from '../../../src/apiserver/audit/policy.js';
import { attributesOf } from '../../../src/apiserver/authorization/attributes.js';
import { requestInfo } from '../../../src/apiserver/request.js';

const NONE = new URLSearchParams();
const JANE = { name: 'jane', groups: ['people', 'system:authenticated'] };
const policy = (rules: string, general = '') => new AuditPolicy(`apiVersion: audit.k8s.io/v1\nkind: Policy\n${general}\nrules:\n${rules}`);
const ask = (each: AuditPolicy, method: string, path: string) => each.configFor(attributesOf(JANE, requestInfo(method, path, NONE), NONE));

const RULES = policy(`
- {level: None, nonResourceURLs: ['/healthz*', /version]}
- {level: RequestResponse, resources: [{group: '', resources: [secrets], resourceNames: [dear]}]}
- {level: Metadata, resources: [{group: '', resources: [secrets, configmaps, 'pods/*', '*/scale']}], omitStages: [RequestReceived]}
- {level: Request, namespaces: [''], verbs: [create]}
- {level: None, namespaces: [kube-system], userGroups: [people]}
- {level: None, users: [joe]}
- {level: Request, resources: [{group: '*', resources: [deployments]}]}
- {level: Metadata, resources: [{group: apps}]}
`);

describe('the first rule that matches counts', () => {
  it.each([
    ['GET', '/healthz/etcd', 'None'],
    ['GET', '/version', 'None'],
    ['GET', '/metrics', 'None'],
    ['GET', '/api/v1/namespaces/a/secrets/dear', 'RequestResponse'],
    ['GET', '/api/v1/namespaces/a/secrets/other', 'Metadata'],
    ['GET', '/api/v1/namespaces/a/pods/p/log', 'Metadata'],
    ['GET', '/api/v1/namespaces/a/pods/p', 'Metadata'],
    ['POST', '/api/v1/nodes', 'Request'],
    ['GET', '/api/v1/nodes', 'None'],
    ['GET', '/apis/apps/v1/namespaces/kube-system/deployments', 'None'],
    ['GET', '/apis/apps/v1/namespaces/a/deployments', 'Request'],
    ['GET', '/apis/apps/v1/namespaces/a/daemonsets', 'Metadata'],
    ['GET', '/apis/apps/v1/namespaces/a/deployments/d/scale', 'Metadata'],
  ])('%s %s: %s', (method, path, level) => {
    expect(ask(RULES, method, path).level).toBe(level);
  });

  it('with the stages and managed fields that it leaves out, and those that all do', () => {
    const each = policy(
      '- {level: Metadata, omitStages: [Panic], omitManagedFields: false}',
      'omitStages: [RequestReceived]\nomitManagedFields: true',
    );
    expect(ask(each, 'GET', '/api/v1/pods')).toEqual({
      level: 'Metadata',
      omitStages: ['RequestReceived', 'Panic'],
      omitManagedFields: false,
    });
  });
});

describe('a policy is refused', () => {
  it.each([
    ['a: b', 'it must be a Policy of audit.k8s.io/v1'],
    ['{apiVersion: audit.k8s.io/v1, kind: Policy}', 'loaded illegal policy with 0 rules'],
    ['{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{}]}', 'rules[0].level: Required value'],
    [
      '{apiVersion: audit.k8s.io/v1, kind: Policy, omitStages: [Now], rules: [{level: All}]}',
      '[omitStages[0]: Invalid value: "Now": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic, rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse"]',
    ],
    [
      "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: None, nonResourceURLs: ['a*b'], namespaces: [x]}]}",
      `[rules[0].nonResourceURLs[0]: Invalid value: "a*b": non-resource URL rules must begin with a '/' character, rules[0].nonResourceURLs[0]: Invalid value: "a*b": non-resource URL wildcards '*' must be the final character of the rule, rules[0].nonResourceURLs: Invalid value: ["a*b"]: rules cannot apply to both regular resources and non-resource URLs]`,
    ],
  ])('%s', (text, why) => {
    expect(() => new AuditPolicy(text)).toThrow(new Error(why));
  });
});

describe('the log', () => {
  it('is kept for as long as it is told to', () => {
    const dir = mkdtempSync(join(tmpdir(), 'porthole-audit-'));
    let now_ms = Date.parse('2026-01-01T00:00:00Z');
    const clock = { ...systemClock, now: () => (now_ms += 3600_000) };
    const log = new AuditLog({
      path: join(dir, 'audit.log'),
      maxSize_bytes: 20,
      maxBackups: 0,
      maxAge_ms: 3 * 3600_000,
      clock,
      log: silentLogger,
    });
    for (let i = 0; i < 9; i++) log.write({ event: i });
    log.close();
    const kept = readdirSync(dir)
      .sort()
      .map((name) => readFileSync(join(dir, name), 'utf8'));
    expect(kept).toEqual([4, 5, 6, 7, 8].map((event) => `{"event":${event}}\n`));
    rmSync(dir, { recursive: true });
  });

  it('is put aside when it is large, and only so many are kept', () => {
    const dir = mkdtempSync(join(tmpdir(), 'porthole-audit-'));
    let now_ms = Date.parse('2026-01-01T00:00:00Z');
    const clock = { ...systemClock, now: () => (now_ms += 1000) };
    const log = new AuditLog({ path: join(dir, 'audit.log'), maxSize_bytes: 20, maxBackups: 2, maxAge_ms: 0, clock, log: silentLogger });
    for (let i = 0; i < 9; i++) log.write({ event: i });
    log.close();
    const names = readdirSync(dir).sort();
    expect(names).toEqual(['audit-2026-01-01T00-00-07.000.log', 'audit-2026-01-01T00-00-08.000.log', 'audit.log']);
    expect(names.map((name) => readFileSync(join(dir, name), 'utf8'))).toEqual(['{"event":6}\n', '{"event":7}\n', '{"event":8}\n']);
    rmSync(dir, { recursive: true });
  });
});
