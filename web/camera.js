// SPDX-License-Identifier: Apache-2.0
// The camera's picture, and the square of it that lies under the guide, which is what the gate sees.

// 1280x720, because the square of it that is photographed goes on to a diagnosis; half of that is hardly faster (docs/web.md).
// Whether the video shows it: not where another camera was asked for meanwhile. `still` is called when the picture stops for a while, as when a
// phone rings; `lost` when the camera goes away by itself.
export async function startCamera(video, facing, { lost, still }) {
  const mine = ++asked;
  stop(video.srcObject);
  if (!navigator.mediaDevices) throw new DOMException('no camera', 'NotFoundError');
  const wanted = { facingMode: { ideal: facing }, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 60 } };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: wanted });
  } catch (error) {
    if (mine === asked) throw error;
  }
  if (mine !== asked) {
    stop(stream);
    return false;
  }
  video.srcObject = stream;
  const [track] = stream.getVideoTracks();
  track.onended = lost;
  track.onmute = still;
  video.classList.toggle('mirror', track.getSettings().facingMode === 'user');
  await video.play().catch((error) => {
    if (error.name !== 'AbortError') throw error; // a photo was looked at meanwhile, or another camera asked for
  });
  return mine === asked;
}

let asked = 0;

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

// Whether what the video shows is what its camera sees now. A camera that was asked for has no frame at first, which is no picture.
export function hasPicture(video) {
  const [track] = video.srcObject?.getVideoTracks() ?? [];
  return video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && track?.readyState === 'live' && !track.muted;
}

// The video covers its element (object-fit: cover): [x, y, side] of the guide's square in the video's own pixels.
export function squareUnder(video, guide) {
  const box = video.getBoundingClientRect();
  const { left, top, width } = guide.getBoundingClientRect();
  const scale = Math.max(box.width / video.videoWidth, box.height / video.videoHeight);
  const side = Math.max(1, Math.min(video.videoWidth, video.videoHeight, Math.round(width / scale)));
  const at = (distance, length) => Math.max(0, Math.min(length - side, Math.round(length / 2 + distance / scale - side / 2)));
  let across = left + width / 2 - (box.left + box.width / 2);
  if (video.classList.contains('mirror')) across = -across;
  return [at(across, video.videoWidth), at(top + width / 2 - (box.top + box.height / 2), video.videoHeight), side];
}

export function squareOf(video, guide) {
  const [x, y, side] = squareUnder(video, guide);
  return createImageBitmap(video, x, y, side, side);
}
