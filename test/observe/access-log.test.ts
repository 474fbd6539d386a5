// One line at the end of each exchange.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { createAccessLog } from '../../src/observe/access-log.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createUser } from '../support/resolved.ts';
import { AUDIT_ID, authorized, credentialed, execByWebSocket, received, resolved } from './evidence.ts';

/** The fields that are there. */
const given = (fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

describe('the access log', () => {
  it('says who did what, where, and how it ended', async () => {
    const log = createKeptLog();
    const exec = execByWebSocket();
    const observation = createAccessLog({ log })(exec);
    void observation.received(exec);
    observation.found(credentialed(await authorized(exec)));
    observation.started(101);
    assert.equal(log.lines.length, 0);
    observation.complete({ code: 101, reason: 'idleTimeout', bytesSent: 1, bytesReceived: 2 });
    const [line] = log.lines;
    assert.equal(line?.level, 'info');
    const { durationMs, ...rest } = given(line.fields);
    assert.equal(typeof durationMs, 'number');
    assert.deepEqual(rest, {
      auditId: AUDIT_ID,
      sourceIPs: ['203.0.113.7', '10.0.0.9'],
      method: 'GET',
      action: 'exec',
      user: 'alice',
      node: 'node-1',
      credential: 'operator',
      code: 101,
      bytesSent: 1,
      bytesReceived: 2,
      endReason: 'idleTimeout',
    });
  });
  it('says why a request was refused, without its target', () => {
    const log = createKeptLog();
    const refused = received({ target: '/x?access_token=s3cr3t' });
    const observation = createAccessLog({ log })(refused);
    void observation.received(refused);
    const cause = new Error('the signature does not verify');
    observation.complete({
      code: 401,
      fault: new Fault('Unauthorized', 'the token is not valid', { cause }),
    });
    const [line] = log.lines;
    assert.equal(line?.level, 'info');
    assert.equal(line.fields['fault'], 'the token is not valid');
    assert.equal(line.fields['action'], 'unresolved');
    assert.doesNotMatch(JSON.stringify(line), /s3cr3t/);
  });
  it('escapes what others have written', () => {
    const log = createKeptLog();
    const odd = 'q"\\\n\u0001';
    const exchange = {
      ...resolved({ user: createUser(odd) }),
      method: odd,
      peer: { sourceIPs: ['192.0.2.1', odd], certificate: undefined },
    } as const;
    const observation = createAccessLog({ log })(exchange);
    void observation.received(exchange);
    observation.complete({ code: 403, fault: new Fault('Forbidden', odd) });
    const { user, method, sourceIPs, fault } = log.lines[0]?.fields ?? {};
    assert.deepEqual(
      { user, method, sourceIPs, fault },
      { user: odd, method: odd, sourceIPs: ['192.0.2.1', odd], fault: odd },
    );
  });
  it('warns of a failure and shows its cause', () => {
    const log = createKeptLog();
    const exchange = resolved({});
    const observation = createAccessLog({ log })(exchange);
    void observation.received(exchange);
    const cause = new Error('connect ECONNREFUSED');
    observation.complete({
      code: 502,
      fault: new Fault('BadGateway', 'the node could not be reached', { cause }),
    });
    const [line] = log.lines;
    assert.equal(line?.level, 'warn');
    assert.equal(line.fields['cause'], cause);
  });
  it('has an error of what nobody foresaw', () => {
    const log = createKeptLog();
    const exchange = resolved({});
    const observation = createAccessLog({ log })(exchange);
    void observation.received(exchange);
    const error = new TypeError('x');
    observation.panic(error, { code: 500 });
    const [line] = log.lines;
    assert.equal(line?.level, 'error');
    assert.equal(line.fields['error'], error);
  });
});
