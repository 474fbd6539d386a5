// Who may import whom. The table is docs/architecture.md's; this file enforces it.

const STAGES = [
  'identify',
  'resolve',
  'authorize',
  'locate',
  'credential',
  'observe',
  'answer',
  'sessions',
  'serve',
  'fleet',
];
const EDGES = ['listen', 'forward'];
const LEAVES = [
  'wire',
  'inventory',
  'kube',
  'kubectl',
  'pki',
  'outbound',
  'upstream',
  'cel',
  'age',
  'object-store',
  'chain',
  'terminal',
  'sign-in',
  'browser-session',
  'login-store',
  'oidc',
];
/** Certificates are read in one place. */
const LEAF_USES = {
  kube: ['outbound'],
  outbound: ['pki'],
  upstream: ['outbound', 'wire'],
  'sign-in': ['outbound'],
  oidc: ['outbound'],
};
const SURFACES = ['admin', 'login'];
const any = (folders) => `^src/(${folders.join('|')})/`;

/** Folders `from` may import only the folders of `to`, its own, and no other part of src. */
const layer = (from, to, comment) => ({
  name: `${from}-imports`,
  severity: 'error',
  comment,
  from: { path: `^src/${from}/` },
  to: { path: '^src/', pathNot: any([from, ...to]) },
});

/** Only these files of src may import the package. */
const onlyIn = (name, path) => ({
  name: `${name}-in-one-place`,
  severity: 'error',
  comment: `${name} is imported in one place, so that it can be replaced there`,
  from: { path: '^src/', pathNot: path },
  to: { path: `node_modules/${name}/` },
});

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { path: '^src/', orphan: true, pathNot: '^src/main.ts$' },
      to: {},
    },
    {
      name: 'not-to-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|demo|bench|scripts)/' },
    },
    {
      name: 'not-to-dev-dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        dependencyTypesNot: ['type-only'],
      },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'core-imports-nothing',
      severity: 'error',
      comment: 'core/ holds the words that everyone shares: at run time it imports nothing',
      from: { path: '^src/core/' },
      to: { pathNot: '^src/core/', dependencyTypesNot: ['type-only'] },
    },
    ...LEAVES.map((leaf) =>
      layer(leaf, ['core', ...(LEAF_USES[leaf] ?? [])], 'a leaf knows core/, and few of them another leaf'),
    ),
    ...STAGES.map((stage) =>
      layer(stage, ['core', ...LEAVES], 'a stage knows core/ and the leaves, never a sibling'),
    ),
    ...EDGES.map((edge) => layer(edge, ['core', ...LEAVES], 'an edge knows core/ and the leaves')),
    ...SURFACES.map((surface) =>
      layer(surface, ['core', ...LEAVES], 'a surface is handed the rest as ports'),
    ),
    layer('gateway', ['core'], 'the line is given its stages'),
    layer('doctor', ['core', 'kube', 'outbound', 'pki'], 'the doctor is handed what stages know'),
    layer(
      'config',
      ['core', 'cel', 'pki', 'age', 'chain', 'inventory'],
      'configuration knows no stage; expressions, revocation lists and signing keys are tried to report their errors',
    ),
    {
      name: 'stages-open-no-sockets',
      severity: 'error',
      comment: 'only the edges, outbound/ and kube/ touch sockets',
      from: { path: any(STAGES) },
      to: { path: '^(node:)?(net|tls|http|https|http2|dgram)$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'express-beside-the-line',
      severity: 'error',
      from: { path: '^src/', pathNot: any(SURFACES) },
      to: { path: 'node_modules/(express|helmet)/' },
    },
    onlyIn('jose', '^src/(identify/jwt/|chain/jws.ts$|browser-session/seal.ts$)'),
    onlyIn('lru-cache', '^src/(identify|resolve|authorize|credential|fleet)/'),
    onlyIn('undici', '^src/outbound/fetch.ts$'),
    onlyIn('yaml', '^src/(config|kube|authorize|observe|identify)/|^src/cli/login/kubeconfig.ts$'),
    onlyIn('openid-client', '^src/(oidc/provider.ts$|sign-in/provider.ts$)'),
    onlyIn('@redis/client', '^src/login-store/redis-client.ts$'),
    onlyIn('pkijs', '^src/pki/pkcs12.ts$'),
    onlyIn('asn1js', '^src/pki/pkcs12.ts$'),
    onlyIn('protobufjs', '^src/kubectl/review-body.ts$'),
    onlyIn('zod', '^src/config/'),
    onlyIn('prom-client', '^src/observe/metrics/'),
    onlyIn('pino', '^src/observe/log.ts$'),
    onlyIn('@peculiar/x509', '^src/pki/'),
    onlyIn('@marcbachmann/cel-js', '^src/cel/compile.ts$'),
    onlyIn('re2js', '^src/cel/regex.ts$'),
    onlyIn('@xterm/headless', '^src/replay/screen.ts$'),
    onlyIn('age-encryption', '^src/age/age.ts$'),
    onlyIn('@aws-sdk/client-s3', '^src/object-store/s3.ts$'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
