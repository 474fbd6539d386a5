// Field selectors: the closed list of a pod's fields, and nothing of an object's prototype.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { matchesFields, parseFieldSelector } from '../../src/kubectl/field-selector.ts';

const POD = {
  metadata: { name: 'web', namespace: 'default' },
  spec: { nodeName: 'node-1', restartPolicy: 'Always', serviceAccountName: 'a,b=c\\d' },
  status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] },
};

const ROWS: readonly [selector: string, selected: boolean][] = [
  ['', true],
  ['metadata.name=web', true],
  ['metadata.name==web', true],
  ['metadata.name!=web', false],
  ['metadata.name=web,metadata.namespace=other', false],
  ['metadata.name=web,metadata.namespace=default', true],
  ['spec.nodeName=node-1', true],
  ['spec.restartPolicy!=Never', true],
  ['spec.hostNetwork=false', true],
  ['spec.schedulerName=', true],
  ['spec.serviceAccountName=a\\,b\\=c\\\\d', true],
  ['status.phase=Running', true],
  ['status.podIP=10.0.0.1', true],
  ['status.podIPs=10.0.0.1', true],
  ['status.nominatedNodeName!=x', true],
];

describe('field selector', () => {
  for (const [selector, selected] of ROWS) {
    it(`${JSON.stringify(selector)} ${selected ? 'selects' : 'does not select'}`, () => {
      assert.equal(matchesFields(parseFieldSelector(selector), POD), selected);
    });
  }

  for (const [selector, message] of [
    ['metadata.uid=x', 'field label not supported: metadata.uid'],
    ['__proto__=x', 'field label not supported: __proto__'],
    ['constructor.name=Object', 'field label not supported: constructor.name'],
    ['metadata.name', 'unable to parse the field selector: expected: field=value or field!=value'],
    ['=x', 'field label not supported: '],
    ['metadata.name=a=b', "unable to parse the field selector: '=' in a value must be escaped"],
    ['metadata.name=a\\b', 'unable to parse the field selector: unknown escape in a value'],
    ['metadata.name=a\\', 'unable to parse the field selector: a backslash at the end escapes nothing'],
  ] as const) {
    it(`${JSON.stringify(selector)} is refused`, () => {
      assert.throws(
        () => parseFieldSelector(selector),
        (error) => error instanceof Fault && error.reason === 'BadRequest' && error.message === message,
      );
    });
  }

  it('finds nothing in a pod of wrong types', () => {
    assert.equal(matchesFields(parseFieldSelector('metadata.name=web'), { metadata: 'web' }), false);
    assert.equal(matchesFields(parseFieldSelector('metadata.name=web'), null), false);
  });
});
