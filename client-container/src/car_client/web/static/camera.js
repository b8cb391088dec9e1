// One picture from the camera. Browsers allow live video on https and localhost only; elsewhere the phone's own
// camera takes the picture through the file input.
import { byId } from "./dom.js";

const dialog = byId("camera");
const video = byId("video");
let stream = null;

export function start(take, tell) {
  byId("camera-open").addEventListener("click", () => open(tell));
  byId("camera-close").addEventListener("click", () => dialog.close());
  byId("camera-take").addEventListener("click", () => snap(take));
  dialog.addEventListener("close", stop);
}

async function open(tell) {
  if (!navigator.mediaDevices?.getUserMedia) {
    byId("capture").click();
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  } catch (error) {
    tell(error.name === "NotAllowedError" ? "The camera was not allowed; allow it in the browser and try again." : `There is no camera to use (${error.name}).`);
    return;
  }
  video.srcObject = stream;
  dialog.showModal();
  byId("camera-take").focus();
  video.play().catch(() => {}); // it is interrupted when the dialog is closed before the first image
}

function snap(take) {
  if (!video.videoWidth) return; // the first image is still on its way
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((picture) => take(picture, `camera ${new Date().toLocaleTimeString()}.jpg`), "image/jpeg", 0.92);
  dialog.close();
}

function stop() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
}
