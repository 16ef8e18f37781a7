/** The tables of eight steps of CRC-32C (Castagnoli), of which one takes eight bytes. */
const tables = makeTables();

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256).map((_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0);
    return value;
  });
  const all = [first];
  for (let step = 1; step < 8; step += 1) {
    const before = all[step - 1] ?? first;
    all.push(before.map((value) => (value >>> 8) ^ (first[value & 0xff] ?? 0)));
  }
  return all;
}

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  ...[Uint32Array, Uint32Array, Uint32Array, Uint32Array],
  ...[Uint32Array, Uint32Array, Uint32Array, Uint32Array],
];

/** CRC-32C, the checksum of Kafka's record batches, eight bytes a step. */
export function crc32c(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = -1;
  let at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    const low = view.getUint32(at, true) ^ crc;
    const high = view.getUint32(at + 4, true);
    crc =
      at8(t7, low) ^
      at8(t6, low >>> 8) ^
      at8(t5, low >>> 16) ^
      at8(t4, low >>> 24) ^
      at8(t3, high) ^
      at8(t2, high >>> 8) ^
      at8(t1, high >>> 16) ^
      at8(t0, high >>> 24);
  }
  for (; at < bytes.length; at += 1) crc = at8(t0, crc ^ view.getUint8(at)) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function at8(table: Uint32Array, value: number): number {
  return table[value & 0xff] ?? 0;
}
