import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Codec } from './codec.ts';

/** Keys by their id, so that a new one can come while values under an old one are still read. */
export interface Keyring {
  /** The id of the key that encrypts. */
  readonly current: string;
  /** AES-256 keys of 32 bytes each; those that are not current only decrypt. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts what another codec gives, by AES-256-GCM with a random nonce. The key of the value in L2
 * is authenticated with it, so bytes that were moved to another key are a miss, as are those of an
 * unknown key and those that were changed. Keys, tags and times stay readable. Rotate a key before
 * it has written 2^32 values. To compress as well, compress first: `encrypted(compressed(json()), ring)`.
 *
 * @throws TypeError when the current key is missing or a key has not 32 bytes
 */
export function encrypted(inner: Codec, keyring: Keyring): Codec {
  const keys = new Map(Object.entries(keyring.keys));
  for (const [id, key] of keys) checkKey(id, key);
  const current = keys.get(keyring.current);
  if (!current) throw new TypeError(`keyring.keys has no current key "${keyring.current}"`);
  return {
    encode: (value, key) => seal(inner.encode(value, key), key, keyring.current, current),
    decode: (bytes, key) => inner.decode(open(bytes, key, keys), key),
  };
}

/** length of the key's id (1), its id, nonce, authentication tag, ciphertext */
function seal(plain: Uint8Array, name: string, keyId: string, key: Uint8Array): Uint8Array {
  const id = Buffer.from(keyId);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name));
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Uint8Array.of(id.length), id, nonce, cipher.getAuthTag(), text]);
}

function open(bytes: Uint8Array, name: string, keys: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const nonceAt = 1 + (bytes[0] ?? 0);
  const tagAt = nonceAt + NONCE_BYTES;
  const textAt = tagAt + TAG_BYTES;
  const keyId = Buffer.from(bytes.subarray(1, nonceAt)).toString();
  const key = keys.get(keyId);
  if (!key || bytes.length < textAt) throw new RangeError(`no key "${keyId}", or bytes cut off`);
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(nonceAt, tagAt), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(tagAt, textAt));
  return Buffer.concat([decipher.update(bytes.subarray(textAt)), decipher.final()]);
}

function checkKey(id: string, key: unknown): void {
  const isKey = key instanceof Uint8Array && key.length === 32;
  if (!isKey) throw new TypeError(`keyring.keys["${id}"] must be 32 bytes`);
  if (Buffer.byteLength(id) > 255) throw new TypeError(`keyring.keys["${id}"] has too long an id`);
}
