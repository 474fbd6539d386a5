// What a Node object (core/v1) says of its machine. The node writes it itself: texts are short and printable, quantities
// look like quantities, and what does not is left out.

import type { NodeInfo } from '../core/node.ts';

const PRINTABLE = /^[\x20-\x7e]{1,128}$/;
/** As apimachinery pkg/api/resource writes them. */
const QUANTITY = /^\d{1,20}(\.\d{1,9})?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;

/** `value`: a record with the fields of NodeInfo, which nobody has checked. */
export function toNodeInfo(value: Readonly<Record<string, unknown>>): NodeInfo {
  const text = (name: keyof NodeInfo, pattern: RegExp): object => {
    const found = value[name];
    return typeof found === 'string' && pattern.test(found) ? { [name]: found } : {};
  };
  const { createdAt } = value;
  return {
    ...(typeof createdAt === 'number' && createdAt > 0 && createdAt < 8e15 ? { createdAt } : {}),
    ...text('kubeletVersion', PRINTABLE),
    ...text('osImage', PRINTABLE),
    ...text('kernelVersion', PRINTABLE),
    ...text('containerRuntime', PRINTABLE),
    ...text('cpu', QUANTITY),
    ...text('memory', QUANTITY),
  };
}

export const isSameInfo = (a: NodeInfo = {}, b: NodeInfo = {}): boolean =>
  a.createdAt === b.createdAt &&
  a.kubeletVersion === b.kubeletVersion &&
  a.osImage === b.osImage &&
  a.kernelVersion === b.kernelVersion &&
  a.containerRuntime === b.containerRuntime &&
  a.cpu === b.cpu &&
  a.memory === b.memory;
