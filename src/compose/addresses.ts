// Which addresses are dialled, from the configuration in force. One gate for every dial, those of running lines too: an
// address that a reload has forbidden is not dialled again.

import { networkInterfaces } from 'node:os';
import type { GatewayConfiguration } from '../core/configuration.ts';
import type { AddressRule } from '../inventory/addresses.ts';
import { ADDRESS_PROBLEM_WORDS, ADDRESS_PROBLEMS, createAddressRule } from '../inventory/addresses.ts';

export interface AddressGate {
  readonly judge: AddressRule;
  use(configuration: GatewayConfiguration): void;
}

/** Lets nothing through until it is given a configuration. */
export function createAddressGate(): AddressGate {
  let rule: AddressRule = () => 'reserved';
  return {
    judge: (address, port) => rule(address, port),
    use: (configuration) => {
      rule = toAddressRule(configuration);
    },
  };
}

const toAddressRule = ({ nodes, listeners, admin }: GatewayConfiguration): AddressRule =>
  createAddressRule({ allowed: nodes.allowedAddresses, own: [...listeners, admin], hostAddresses });

const hostAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));

/** For people: what is wrong with an address. */
export const toAddressWords = (problem: string): string =>
  ADDRESS_PROBLEMS.filter((known) => known === problem).map((known) => ADDRESS_PROBLEM_WORDS[known])[0] ??
  'not one of a node';
