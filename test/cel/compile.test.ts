import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ResultType } from '../../src/cel/compile.ts';
import { COST_LIMIT, MAX_EXPRESSION_LENGTH, compileExpression } from '../../src/cel/compile.ts';
import { FUNCTIONS, toCallable } from '../../src/cel/functions.ts';
import { toCelValue } from '../../src/cel/value.ts';

const CLAIMS = {
  sub: 'f:1',
  email: 'ann@example.org',
  exp: 90_000,
  nbf: 4_000,
  number: 1_234_567,
  none: null,
  groups: ['dev', 'Ops'],
  roles: 'reader, writer',
  realm: { roles: ['a', 'b'] },
};

function program(
  text: string,
  results: readonly [ResultType, ...ResultType[]] = ['bool', 'string', 'list(string)'],
) {
  const compiled = compileExpression(text, { variables: 'claims', results });
  assert.equal(compiled.kind, 'program', compiled.kind === 'refused' ? `${text}: ${compiled.message}` : '');
  return compiled.program;
}

const evaluate = (text: string, claims: unknown = CLAIMS): unknown =>
  program(text).evaluate({ claims: toCelValue(claims) });

function refusal(
  text: string,
  results: readonly [ResultType, ...ResultType[]] = ['bool', 'string', 'list(string)'],
): string {
  const compiled = compileExpression(text, { variables: 'claims', results });
  assert.equal(compiled.kind, 'refused', text);
  return compiled.message;
}

describe('expressions over claims', () => {
  for (const [text, expected] of [
    ['claims.email', 'ann@example.org'],
    ['claims["email"].split("@")[0]', 'ann'],
    ['claims.exp - claims.nbf <= 86400', true],
    ['claims.exp == 90000', true],
    ['claims.exp in [1, 90000]', true],
    ['claims.?email_verified.orValue(true) == true', true],
    ['has(claims.email_verified)', false],
    ['"sub" in claims', true],
    ['claims.none == null', true],
    ['claims.groups.exists(g, g == "dev")', true],
    ['claims.groups.map(g, "oidc:" + g.lowerAscii())', ['oidc:dev', 'oidc:ops']],
    ['claims.groups.filter(g, g != "Ops")', ['dev']],
    ['claims.roles.split(", ")', ['reader', 'writer']],
    ['has(claims.teams) ? claims.teams : claims.realm.roles', ['a', 'b']],
    ['claims.?realm.?groups.orValue([])', []],
    ['string(claims.number)', '1.234567e+06'],
    ['string(int(claims.number))', '1234567'],
    ['cel.bind(name, claims.sub, name + "/" + name)', 'f:1/f:1'],
    ['claims.email.matches("^[a-z]+@example\\\\.org$")', true],
    ['claims.email.find("[^@]+$")', 'example.org'],
    ['"a1b22c333".findAll("[0-9]+", 2)', ['1', '22']],
    ['"a1b22c333".findAll("[0-9]+")', ['1', '22', '333']],
    ['claims.groups.indexOf("Ops") == 1 && claims.groups.lastIndexOf("x") == -1', true],
    ['[3, 1, 2].min() == 1 && [3, 1, 2].max() == 3 && [3, 1, 2].sum() == 6', true],
    ['["a", "b"].isSorted() && !["b", "a"].isSorted()', true],
    ['claims == claims', true],
    ['"𝒳y".substring(1) + "𝒳y".charAt(0) + string("𝒳y".indexOf("y"))', 'y𝒳1'],
    ['"abc".reverse()', 'cba'],
    // U+212A, the Kelvin sign, is no capital K.
    ['"\\u212aK".lowerAscii()', '\u212ak'],
  ] as const) {
    it(text, () => assert.deepEqual(evaluate(text), expected));
  }
});

describe('evaluation', () => {
  for (const [text, claims] of [
    ['claims.nope', CLAIMS],
    ['claims.groups.nope == 1', CLAIMS],
    ['claims.groups.length == 2', CLAIMS],
    ['claims.constructor == null', CLAIMS],
    ['claims.__proto__ == null', CLAIMS],
    ['claims.email.toString == null', CLAIMS],
    ['claims.groups[2] == "x"', CLAIMS],
    ['claims.none.startsWith("x")', CLAIMS],
    ['claims.groups.join(",") == ""', { groups: [1] }],
    ['claims.email > 5', CLAIMS],
    ['int(claims.email) == 1', CLAIMS],
  ] as const) {
    it(`fails for ${text}`, () => assert.throws(() => evaluate(text, claims), Error));
  }

  it('finds no field that a claim does not have by itself', () => {
    assert.equal(evaluate('has(claims.constructor) || "__proto__" in claims || "toString" in claims'), false);
    assert.equal(evaluate('claims.__proto__ == "x"', JSON.parse('{"__proto__":"x"}')), true);
  });

  it('refuses values that are nested too deeply', () => {
    assert.throws(() => toCelValue(JSON.parse('['.repeat(100) + ']'.repeat(100))), /nested too deeply/);
  });

  it('says which fields an expression selects, however it does', () => {
    for (const text of [
      'claims.email',
      'claims.?email.orValue("")',
      'claims["email"]',
      'claims[?"email"].orValue("")',
    ]) {
      assert.ok(program(text).selects('claims', 'email'), text);
    }
    assert.ok(program('has(claims.email)').selects('claims', 'email'));
    assert.equal(program('claims.realm.email').selects('claims', 'email'), false);
  });
});

describe('what is refused at load', () => {
  for (const [text, words] of [
    ['', /is empty/],
    ['claims.sub +', /is not valid/],
    ['clams.sub', /Unknown variable: clams \(line 1, column 1/],
    ['claims.sub.foo()', /calls the function foo, which is not carried/],
    ['claims.sub.optMap(x, x)', /calls the function optMap, which is not carried/],
    ['"%s".format([claims.sub])', /calls the function format, which is not carried/],
    ['claims.groups.filter(g, g.frobnicate())', /calls the function frobnicate/],
    ['claims.sub.carried_matches("(a+)+$")', /calls the function carried_matches/],
    ['timestamp(claims.sub) == timestamp(claims.sub)', /calls the function timestamp/],
    ['claims.sub.startsWith("a", "b")', /calls startsWith in a form that is not carried/],
    ['claims.sub.matches(claims.pattern)', /with a pattern that is not a string literal/],
    ['claims.sub.matches("(?=a)")', /the regular expression cannot be used/],
    ['claims.sub.matches("(a)\\\\1")', /the regular expression cannot be used/],
    ['claims.sub.matches("((a{100}){10}){10}")', /regular expression/],
    ['claims.n == 5u', /uint or bytes/],
    ['b"abc" == b"abc"', /uint or bytes/],
    ['google.protobuf == 1', /google/],
    ['5', /must evaluate to bool or string or list\(string\), and evaluates to int/],
    ['claims.?sub', /and evaluates to optional/],
    ['[1, 2]', /and evaluates to list<int>/],
    [`"${'a'.repeat(MAX_EXPRESSION_LENGTH)}"`, /longer than/],
    ['('.repeat(200) + '1' + ')'.repeat(200), /is not valid/],
    [Array.from({ length: 600 }, () => '1').join('+') + ' == 1', /is not valid/],
    ['1 + "a"', /no such overload: int \+ string/],
    ['claims.groups.map(5, 1)', /is not valid/],
  ] as const) {
    it(text.slice(0, 60), () => assert.match(refusal(text), words));
  }

  it('results that do not fit', () => {
    assert.match(refusal('claims.sub == "a"', ['string']), /must evaluate to string, and evaluates to bool/);
    assert.match(refusal('"a"', ['bool']), /must evaluate to bool, and evaluates to string/);
  });

  it('fields that a user does not have', () => {
    const compile = (text: string) => compileExpression(text, { variables: 'user', results: ['bool'] });
    assert.equal(
      compile('user.groups.all(g, !g.startsWith("system:")) && user.extra["k"][0] == "v"').kind,
      'program',
    );
    const compiled = compile('user.nope == "a"');
    assert.match(compiled.kind === 'refused' ? compiled.message : '', /No such key: nope/);
    assert.equal(compile('claims.sub == "a"').kind, 'refused');
  });
});

describe('the cost limit', () => {
  const long = Array.from({ length: 2000 }, (_, i) => `group-${i}`);
  const text = 'a'.repeat(15_000);
  for (const [expression, claims] of [
    ['claims.l.all(a, claims.l.all(b, a != "" || b != ""))', { l: long }],
    ['claims.l.exists(a, claims.l.exists(b, claims.l.exists(c, a + b + c == "")))', { l: long }],
    ['claims.l.exists_one(a, claims.l.exists_one(b, a == b))', { l: long }],
    ['claims.l.map(a, claims.l.map(b, a)).size() > 0', { l: long }],
    ['claims.l.filter(a, claims.l.filter(b, a < b).size() > 3).size() > 0', { l: long }],
    // Errors are swallowed by the macro, and by the logical operators.
    ['claims.l.exists(a, claims.l.all(b, claims.l.all(c, c != "")) || a == "group-1")', { l: long }],
    ['claims.l.all(a, claims.l.all(b, b != "")) || true', { l: long }],
    [
      'false && claims.l.all(a, claims.l.all(b, b != "")) || claims.l.map(a, claims.l).map(l, l.size()).sum() > 0 || claims.l.all(a, claims.l.all(b, b != ""))',
      { l: long },
    ],
    // Growth by doubling, on paper 2^20 elements and characters.
    [double('claims.l', 20, 'x.size() > 0'), { l: long }],
    [double('claims.t', 20, 'x.size() > 0'), { t: text }],
    // Sharing makes what is compared exponentially larger than what is held.
    [share(20), { l: long }],
    ['claims.l.map(a, claims.t).join("").size() > 0', { l: long, t: text }],
    ['claims.t.replace("", claims.t).size() > 0', { t: text }],
    ['claims.l.exists(a, claims.t.contains(claims.u))', { l: long, t: text, u: 'a'.repeat(7000) + 'b' }],
    ['claims.l.exists(a, claims.t.matches("(a+)+$|(a|b)*c{50}"))', { l: long, t: `${text}b` }],
    [
      'claims.l.exists(a, claims.m.exists(k, true) && a == "")',
      { l: long, m: Object.fromEntries(long.map((g) => [g, 1])) },
    ],
    ['claims.t.findAll("a").size() > 0', { t: text }],
  ] as const) {
    it(`holds for ${expression.slice(0, 80)}`, () => {
      assert.throws(() => evaluate(expression, claims), new RegExp(`costs more than ${COST_LIMIT}`));
    });
  }

  it('is of one evaluation: the next one has the whole budget again', () => {
    const compiled = program('claims.l.all(a, a != "")');
    for (let i = 0; i < 100; i++) assert.equal(compiled.evaluate({ claims: toCelValue({ l: long }) }), true);
    const nested = program('claims.l.all(a, claims.l.all(b, a != "" || b != ""))');
    assert.throws(() => nested.evaluate({ claims: toCelValue({ l: long }) }), /costs more/);
    assert.equal(nested.evaluate({ claims: toCelValue({ l: ['a'] }) }), true);
  });

  it('is met by nothing that people write', () => {
    assert.deepEqual(
      evaluate(
        'claims.l.filter(g, g.matches("^group-[0-9]+$") && g.startsWith("group-1")).map(g, "oidc:" + g).size() > 0',
        { l: long },
      ),
      true,
    );
  });

  it('covers every kind of node: each one that is evaluated costs something', () => {
    for (const text of [
      'true',
      '!claims.b',
      '-claims.n == 1',
      'claims.b ? true : false',
      '[claims.b][0]',
      '{"a": claims.b}.a',
      'claims.b || claims.b',
      'has(claims.b)',
      'cel.bind(x, claims.b, x)',
      'claims.?b.orValue(true)',
      '[1].all(x, true)',
    ]) {
      const compiled = compileExpression(text, { variables: 'claims', results: ['bool'], costLimit: 0 });
      assert.equal(compiled.kind, 'program', text);
      assert.throws(
        () => compiled.program.evaluate({ claims: toCelValue({ b: true, n: -1 }) }),
        /costs more than 0/,
        text,
      );
    }
  });
});

describe('the functions that are listed', () => {
  for (const carried of Object.values(FUNCTIONS).flat()) {
    it(`${carried.signature} is known in this form`, () => {
      const { isMethod, name, argumentCount } = toCallable(carried);
      const receiver = carried.signature.slice(0, carried.signature.indexOf('.'));
      const isNamespace =
        receiver === 'cel' || (receiver === 'optional' && (name === 'of' || name === 'none'));
      const args = ['matches', 'find', 'findAll'].includes(name)
        ? ['"a"', '1'].slice(0, argumentCount)
        : name === 'has'
          ? ['claims.a']
          : ['x', 'claims.b', 'claims.c'].slice(0, argumentCount);
      const text = `${isMethod ? (isNamespace ? receiver : 'claims.a') : ''}${isMethod ? '.' : ''}${name}(${args.join(', ')})`;
      const compiled = compileExpression(text.replace(/\(x(?=[,)])/, isMacro(name) ? '(x' : '(claims.x'), {
        variables: 'claims',
        results: ['bool'],
      });
      // The type of the result may not fit, and some arguments; but the function is there.
      if (compiled.kind === 'refused')
        assert.doesNotMatch(compiled.message, /carried|overload|Unknown/, text);
    });
  }
});

const isMacro = (name: string): boolean =>
  ['all', 'exists', 'exists_one', 'filter', 'map', 'bind'].includes(name);

function double(start: string, times: number, end: string): string {
  let text = end.replace('x', `x${times}`);
  for (let i = times; i > 0; i--) text = `cel.bind(x${i}, x${i - 1} + x${i - 1}, ${text})`;
  return `cel.bind(x0, ${start}, ${text})`;
}

function share(times: number): string {
  let text = `x${times} == x${times} + []`;
  for (let i = times; i > 0; i--) text = `cel.bind(x${i}, [x${i - 1}, x${i - 1}], ${text})`;
  return `cel.bind(x0, [claims.l], ${text})`;
}
