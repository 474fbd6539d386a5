// The lines of the log: their shape, what of an error they show, and that no secret is in them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { Secret } from '../../src/core/secret.ts';
import { createLog } from '../../src/observe/log.ts';

function create(level: 'debug' | 'info' | 'warn' | 'error' = 'debug') {
  const lines: string[] = [];
  const log = createLog({ level, destination: { write: (line) => lines.push(line) } });
  const last = (): Record<string, unknown> => {
    const line = lines.at(-1) ?? '';
    assert.ok(line.endsWith('\n') && !line.slice(0, -1).includes('\n'), 'one line');
    const value: unknown = JSON.parse(line);
    assert.ok(typeof value === 'object' && value !== null);
    return Object.fromEntries(Object.entries(value));
  };
  return { log, lines, last };
}

describe('the log', () => {
  it('is JSON lines with time, level and msg', () => {
    const { log, last } = create();
    log.warn({ node: 'node-1', count: 3 }, 'a word');
    const { time, ...rest } = last();
    assert.ok(typeof time === 'string');
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(rest, { level: 'warn', node: 'node-1', count: 3, msg: 'a word' });
  });
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    it(`has the level ${level}`, () => {
      const { log, last } = create();
      log[level]({}, 'x');
      assert.equal(last()['level'], level);
    });
  }
  it('leaves out what is below its level, which may change', () => {
    const { log, lines } = create('warn');
    log.info({}, 'x');
    assert.equal(lines.length, 0);
    log.setLevel('debug');
    log.debug({}, 'x');
    assert.equal(lines.length, 1);
  });
  it('escapes what a client wrote', () => {
    const { log, lines, last } = create();
    log.info({ user: 'a\n{"level":"error"}\u001b[2J' }, 'x');
    assert.equal(lines.length, 1);
    assert.equal(last()['user'], 'a\n{"level":"error"}\u001b[2J');
    assert.ok(!lines[0]?.includes('\u001b'));
  });
});

describe('an error in the log', () => {
  for (const key of ['error', 'err', 'cause']) {
    it(`is shown with its causes as ${key}`, () => {
      const { log, last } = create();
      const root = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
      log.error({ [key]: new Fault('BadGateway', 'the node could not be reached', { cause: root }) }, 'x');
      assert.deepEqual(last()[key], {
        name: 'Fault',
        message: 'the node could not be reached',
        cause: { name: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
      });
    });
  }
  it('that nobody foresaw has its stack', () => {
    const { log, last } = create();
    log.error({ error: new TypeError('x') }, 'x');
    assert.match(JSON.stringify(last()['error']), /"stack":"TypeError: x\\n +at /);
  });
  it('that is many errors shows them', () => {
    const { log, last } = create();
    log.error(
      { error: new Fault('BadGateway', 'f', { cause: new AggregateError([new Error('a'), 'b'], 'c') }) },
      'x',
    );
    assert.deepEqual(last()['error'], {
      name: 'Fault',
      message: 'f',
      cause: { name: 'AggregateError', message: 'c', errors: [{ name: 'Error', message: 'a' }, 'b'] },
    });
  });
  it('whose causes run in a circle has an end', () => {
    const { log, lines } = create();
    const error = new Error('a');
    error.cause = new Error('b', { cause: error });
    log.error({ error }, 'x');
    assert.equal(lines.length, 1);
  });
});

const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ';

describe('no secret is in the log', () => {
  const ROWS: Readonly<Record<string, unknown>> = {
    secret: new Secret('hunter2-hunter2-hunter2'),
    'a nested secret': { material: { token: new Secret('hunter2-hunter2-hunter2') } },
    'a token in an error': new Error(`unexpected token ${TOKEN}`),
    'a header in an error': new Error('x', {
      cause: new Error('Authorization: Bearer hunter2-hunter2-hunter2'),
    }),
    'a key in an error': new Error('-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----'),
    'a token as a field': TOKEN,
  };
  for (const [name, value] of Object.entries(ROWS)) {
    it(name, () => {
      const { log, lines, last } = create();
      log.error({ value }, 'x');
      assert.doesNotMatch(lines.join(), /hunter2|c2lnbmF0/);
      assert.equal(last()['msg'], 'x');
      assert.match(lines.join(), /\[redacted\]/);
    });
  }
});

describe('a line whose fields are JSON already', () => {
  it('is a line like others', () => {
    const { log, last } = create('info');
    log.infoText(',"node":"node-1","code":200', 'exchange');
    const { time, ...rest } = last();
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(rest, { level: 'info', node: 'node-1', code: 200, msg: 'exchange' });
  });
  it('is left out below the level', () => {
    const { log, lines } = create('warn');
    log.infoText(',"node":"node-1"', 'exchange');
    assert.equal(lines.length, 0);
  });
  it('shows no token either', () => {
    const { log, lines } = create('info');
    log.infoText(',"fault":"Bearer abcdefghijklmnop.0123"', 'exchange');
    assert.match(lines[0] ?? '', /Bearer \[redacted\]/);
  });
});
