// Arrays that the data holds whole: base64, little-endian.

const KINDS = { int32: Int32Array, float32: Float32Array, float64: Float64Array };

/** {shape, data} of what Python packed. */
export function unpack({ dtype, shape, base64 }) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return { shape, data: new KINDS[dtype](bytes.buffer) };
}
