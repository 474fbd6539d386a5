// Where recordings go, from the configuration. Stores outlive reloads: what one of them was handed is still on its way
// when the next configuration is in force.

import type { RecordingSettings } from '../core/recording.ts';
import type { RecordingStore } from '../record/store/recording-store.ts';
import { createEncrypt } from '../age/age.ts';
import type { Encrypt } from '../age/age.ts';
import { createDirectoryStore } from '../record/store/directory-store.ts';
import { createEncryptedStore } from '../record/store/encrypted-store.ts';

/** Never stores in the clear what is to be encrypted: without its library, nothing can be begun. */
export function composeRecordingStore(settings: RecordingSettings): RecordingStore {
  const { encryption, s3 } = settings;
  if (s3 !== undefined) throw new Error('an S3 store is not there yet');
  const store = createDirectoryStore({}, settings);
  if (encryption === undefined) return store;
  let encrypt: Promise<Encrypt> | undefined;
  return createEncryptedStore({ store, encrypt: () => (encrypt ??= createEncrypt(encryption.recipients)) });
}
