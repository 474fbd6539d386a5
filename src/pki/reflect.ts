// @peculiar/x509 is wired with tsyringe, which refuses to load where the Reflect metadata API is missing. It only ever
// asks which metadata was stored, and in the built package none is: answering "none" is all of the API that is needed.
// Import this file before the library. A real implementation that is already there is left alone.

const none = (): undefined => undefined;

if (!('getMetadata' in Reflect)) Object.assign(Reflect, { getMetadata: none, getOwnMetadata: none });
