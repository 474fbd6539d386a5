// Where expressions that compile behave otherwise than the specification's conformance tests say, and what of those
// tests is refused when it is compiled. A difference that is not listed here fails the test, and so does one that is
// gone.

const EXACT = 'an int is compared with a double exactly, not after it was rounded to a double';
const KEYS = 'the keys of map literals are not looked at; only claims, whose keys are strings, matter here';
const OVERFLOW = 'negating and dividing the least int gives a number beyond int instead of an error';

/** By `suite: expression`, in the order of the fixture. */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  'comparisons/lt_literal: dyn(9223372036854775807) < 9223372036854775808.0': EXACT,
  'comparisons/gt_literal: dyn(9223372036854775808.0) > 9223372036854775807': EXACT,
  'comparisons/lte_literal: dyn(9223372036854775808.0) <= 9223372036854775807': EXACT,
  'comparisons/gte_literal: dyn(9223372036854775807) >= 9223372036854775808.0': EXACT,
  'fields/qualified_identifier_resolution: {3.3:15.15, 1.0: 5}[1.0]': KEYS,
  'fields/qualified_identifier_resolution: {null:false}[null]': KEYS,
  'fields/qualified_identifier_resolution: {true:1,false:2,true:3}[true]': KEYS,
  'integer_math/int64_math: -(-9223372036854775808)': OVERFLOW,
  'integer_math/int64_math: (-9223372036854775808)/-1': OVERFLOW,
  "macros/exists_one: {6: 'six', 7: 'seven', 8: 'eight'}.exists_one(foo, foo % 5 == 2)":
    'the keys of a map literal that are walked over must be strings: an error',
  "optionals/optionals: {'null_key': dyn(null)}.?null_key.invalid.hasValue()":
    'a field of what is no map gives an empty optional instead of an error',
  'optionals/optionals: {true: dyn(0)}[?true].absent.hasValue()': 'the same',
};

export const REFUSED: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  { pattern: /\b\d[\da-fx]*u\b|\buint\b/i, reason: 'uint is not carried' },
  { pattern: /\bb"|\bb'|\bbytes\b|\/bytes_/i, reason: 'bytes are not carried' },
  {
    pattern: /^string_ext\/(format|quote|type_errors)|strings\.quote/,
    reason: 'format and quote are not carried',
  },
  { pattern: /`/, reason: 'quoted field names are not carried' },
  { pattern: /ofNonZeroValue|optMap|optFlatMap|optional_type/, reason: 'these functions are not carried' },
  {
    pattern: /[[{]\?|optional\.none\(\)[.[]\?|has\(/,
    reason: 'these forms of optionals and of has are not carried',
  },
  { pattern: /optional\.\w+\(.*\) [!=]= optional/, reason: 'optionals cannot be compared' },
  { pattern: /\.\?null_key\.invalid|missing\.or/, reason: 'a field of an empty optional map is not carried' },
  { pattern: /receiver_function_names|f_unknown/, reason: 'a function that does not exist, behind || true' },
  { pattern: /x \|\| true/, reason: 'a variable that does not exist, behind || true' },
  {
    pattern: /(&&|\|\|) 32|'horses'/,
    reason: 'operands of && and || must be bool, and this is checked in advance',
  },
  { pattern: /true \? 'cows' : 17/, reason: 'the branches of a conditional must be of one type' },
  {
    pattern: /: (1\.0 == 1|\[1\] == \[1\.0\]|\['one'\] == \[2, 3\])$/,
    reason: 'types that cannot be equal: in advance',
  },
  { pattern: /: \.99 > /, reason: 'numbers begin with a digit' },
  { pattern: /: \[\]\.all\(e, e > 0\)/, reason: 'an element of an empty list has no type' },
];
