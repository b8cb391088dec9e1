// What can be sent, and sizes in words.
const KINDS = "JPEG, PNG, WebP, BMP, GIF, AVIF and HEIC files can be classified";

/** Why a file of this name and type is not sent; empty when it is. */
export const notAPicture = (file, name) => (file.type && !file.type.startsWith("image/") ? `${name} is not a picture; ${KINDS}.` : "");

/** Why a picture of so many bytes is not sent; empty when it is. */
export const tooLarge = (picture, name, limits) =>
  picture.size > limits.max_bytes ? `${name} has ${inBytes(picture.size)}; at most ${inBytes(limits.max_bytes)} are accepted.` : "";

export const inBytes = (bytes) =>
  bytes < 1e3 ? `${bytes} bytes` : bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** The http address in what was dropped or pasted; empty when there is none. */
export function addressIn(data) {
  const lines = (data?.getData("text/uri-list") || data?.getData("text/plain") || "").split(/\r?\n/);
  return lines.map((line) => line.trim()).find((line) => /^https?:\/\/\S+$/i.test(line)) ?? "";
}
