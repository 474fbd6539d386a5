// What a Node object (core/v1) says of its machine. The node writes it itself: texts are short and printable, quantities
// look like quantities, and what does not is left out.

import type { NodeInfo } from '../core/node.ts';

const PRINTABLE = /^[\x20-\x7e]{1,128}$/;
/** As apimachinery pkg/api/resource writes them. */
const QUANTITY = /^\d{1,20}(\.\d{1,9})?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;

const TEXTS = {
  kubeletVersion: PRINTABLE,
  osImage: PRINTABLE,
  kernelVersion: PRINTABLE,
  containerRuntime: PRINTABLE,
  operatingSystem: PRINTABLE,
  architecture: PRINTABLE,
  cpu: QUANTITY,
  memory: QUANTITY,
  cpuCapacity: QUANTITY,
  memoryCapacity: QUANTITY,
} as const satisfies Readonly<Record<Exclude<keyof NodeInfo, 'createdAt'>, RegExp>>;

/** `value`: a record with the fields of NodeInfo, which nobody has checked. */
export function toNodeInfo(value: Readonly<Record<string, unknown>>): NodeInfo {
  const { createdAt } = value;
  return {
    ...(typeof createdAt === 'number' && createdAt > 0 && createdAt < 8e15 ? { createdAt } : {}),
    ...Object.fromEntries(
      Object.entries(TEXTS).flatMap(([name, pattern]) => {
        const found = value[name];
        return typeof found === 'string' && pattern.test(found) ? [[name, found]] : [];
      }),
    ),
  };
}

const NAMES = ['createdAt', ...Object.keys(TEXTS)] as readonly (keyof NodeInfo)[];

export const isSameInfo = (a: NodeInfo = {}, b: NodeInfo = {}): boolean =>
  NAMES.every((name) => a[name] === b[name]);
