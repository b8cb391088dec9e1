// Photos of phones are made smaller before they are sent: models look at a few hundred pixels.
const LONGEST_SIDE = 2048;
const WORTH_BYTES = 1_000_000;
const SHRUNK = new Set(["image/jpeg", "image/webp", "image/avif", "image/heic", "image/heif"]);

/** `picture` as it is, or a smaller JPEG of it; what the browser cannot read is for the server to judge. */
export async function shrunk(picture) {
  if (picture.size < WORTH_BYTES || !SHRUNK.has(picture.type)) return picture;
  try {
    const whole = await createImageBitmap(picture, { imageOrientation: "from-image" });
    const factor = LONGEST_SIDE / Math.max(whole.width, whole.height);
    if (factor >= 1) return picture;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(whole.width * factor);
    canvas.height = Math.round(whole.height * factor);
    const pen = canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(whole, 0, 0, canvas.width, canvas.height);
    whole.close();
    const smaller = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    return smaller && smaller.size < picture.size ? smaller : picture;
  } catch {
    return picture;
  }
}
