// The cluster scenarios against what the environment provides. Run by npm run test:cluster, and by nothing else: the name
// of this file is not that of a test.
import { readEnvironment } from './environment.ts';
import { startReal } from './real.ts';
import { defineClusterScenarios } from './scenarios.ts';

const environment = readEnvironment(process.env);
defineClusterScenarios(`a real cluster, by ${environment.source.kind}`, () => startReal(environment));
