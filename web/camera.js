// SPDX-License-Identifier: Apache-2.0
// The camera's picture, and the square in its middle, which is what the guide shows and the gate sees.

export async function startCamera(video, facing) {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  if (!navigator.mediaDevices) throw new DOMException('no camera', 'NotFoundError');
  video.srcObject = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: { ideal: facing }, width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 60 } },
  });
  const { facingMode } = video.srcObject.getVideoTracks()[0].getSettings();
  video.classList.toggle('mirror', facingMode === 'user');
  await video.play();
}

export function squareOf(video) {
  const side = Math.min(video.videoWidth, video.videoHeight);
  return createImageBitmap(video, (video.videoWidth - side) >> 1, (video.videoHeight - side) >> 1, side, side);
}
