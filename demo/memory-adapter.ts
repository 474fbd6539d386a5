// What the demo's OpenID provider remembers, in memory: sessions, codes, grants and refresh tokens. It forgets what has
// run out when it is asked for it.

import type { Adapter, AdapterPayload } from 'oidc-provider';

/** One store for all kinds, which the provider tells apart by `model`. */
export function createMemoryAdapters(): (model: string) => Adapter {
  const entries = new Map<string, { payload: AdapterPayload; readonly until: number }>();
  const find = (key: string): AdapterPayload | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until > Date.now()) return entry.payload;
    entries.delete(key);
    return undefined;
  };
  const findBy = (model: string, fits: (payload: AdapterPayload) => boolean): AdapterPayload | undefined => {
    const key = [...entries].find(
      ([name, { payload }]) => name.startsWith(`${model}:`) && fits(payload),
    )?.[0];
    return key === undefined ? undefined : find(key);
  };
  return (model) => ({
    upsert: (id, payload, expiresIn) => {
      entries.set(`${model}:${id}`, { payload, until: Date.now() + (expiresIn || 86_400) * 1000 });
      return Promise.resolve(undefined);
    },
    find: (id) => Promise.resolve(find(`${model}:${id}`)),
    findByUserCode: (code) => Promise.resolve(findBy(model, ({ userCode }) => userCode === code)),
    findByUid: (uid) => Promise.resolve(findBy(model, (payload) => payload.uid === uid)),
    consume: (id) => {
      const payload = find(`${model}:${id}`);
      if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
      return Promise.resolve(undefined);
    },
    destroy: (id) => {
      entries.delete(`${model}:${id}`);
      return Promise.resolve(undefined);
    },
    revokeByGrantId: (grantId) => {
      for (const [key, { payload }] of entries) if (payload.grantId === grantId) entries.delete(key);
      return Promise.resolve(undefined);
    },
  });
}
