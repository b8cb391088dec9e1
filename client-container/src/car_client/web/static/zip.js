// A zip that stores files as they are: headers around them, so that a folder is sent as one body.
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});
const UTF8_NAMES = 0x800;
const THE_FIRST_DAY = 0x21; // 1980-01-01: the dates of the files are nobody's business

async function checksum(file) {
  let sum = 0xffffffff;
  const reader = file.stream().getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    for (const byte of read.value) sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

/** `fields` are pairs of a size in bytes, 2 or 4, and a value. */
function record(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let place = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(place, value, true);
    else view.setUint32(place, value, true);
    place += size;
  }
  return view;
}

/** `files` are pairs of a path and a File; all together have less than 4 GiB. Rejects when one cannot be read. */
export async function zip(files) {
  const parts = [];
  const list = [];
  let offset = 0;
  let listed = 0;
  for (const [path, file] of files) {
    const name = new TextEncoder().encode(path);
    const facts = [[2, 20], [2, UTF8_NAMES], [2, 0], [2, 0], [2, THE_FIRST_DAY], [4, await checksum(file)], [4, file.size], [4, file.size], [2, name.length], [2, 0]];
    const head = record([4, 0x04034b50], ...facts);
    const entry = record([4, 0x02014b50], [2, 20], ...facts, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]);
    parts.push(head, name, file);
    list.push(entry, name);
    offset += head.byteLength + name.length + file.size;
    listed += entry.byteLength + name.length;
  }
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, listed], [4, offset], [2, 0]);
  return new Blob([...parts, ...list, end], { type: "application/zip" });
}
