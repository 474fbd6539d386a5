// The cluster scenarios against the tests' own doubles. Against a real cluster: npm run test:cluster (CONTRIBUTING.md).
import { it } from 'node:test';
import { startDouble } from './double.ts';
import { defineClusterScenarios } from './scenarios.ts';

defineClusterScenarios('the doubles of a cluster', startDouble);

it('a real cluster', { skip: 'is asked for with npm run test:cluster, and only there' }, () => undefined);
