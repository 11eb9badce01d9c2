// Protobuf by hand, for messages that no writer of ours would make.
export const varint = (value: bigint | number): Buffer => {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  do {
    out.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(out);
};
export const chunk = (id: number, bytes: Uint8Array | string): Buffer => {
  const body = Buffer.from(bytes);
  return Buffer.concat([varint(id * 8 + 2), varint(body.length), body]);
};
export const number = (id: number, value: bigint | number): Buffer => Buffer.concat([varint(id * 8), varint(value)]);

export const envelope = (apiVersion: string, kind: string, raw: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    chunk(1, Buffer.concat([chunk(1, apiVersion), chunk(2, kind)])),
    chunk(2, raw),
    chunk(3, ''),
    chunk(4, ''),
  ]);
