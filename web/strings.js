// SPDX-License-Identifier: Apache-2.0
// Every word that the page says. A gate may bring its own advice in its metadata: winnow.advice.
const en = {
  normal: 'Good', unsure: 'Unsure', abnormal: 'Not it', none: 'No gate', waiting: 'No picture',
  adviceNormal: 'Take the picture', adviceUnsure: 'Closer, steadier, more light', adviceAbnormal: 'Point the camera at the subject',
  similarity: 'similarity', pvalue: 'p-value', speed: 'speed',
  open: 'Open', turn: 'Switch', shoot: 'Take a picture', teach: 'Teach',
  teachHelp: 'Hold a button while the camera looks around.', taught: 'share of the pictures that the promise takes',
  move: ' Move the camera.', tryIt: ' Try it, and hold again to correct it.',
  is: 'This is it', isnot: 'This is not', save: 'Save the gate', forget: 'Start again', forgetAsk: 'Start again? The pictures that you showed and what was learned from them will be gone.', keep: 'Keep it',
  lossAsk: 'What you taught and did not save as a file will be gone. Go on?',
  send: 'Send to the diagnosis', share: 'Share', back: 'Back', again: 'Try again', close: 'Continue', dropped: 'Photos', noPhoto: 'not a photo', notJudged: 'not judged',
  accepted: 'Good — accepted', sent: 'Sent.', nobody: 'Accepted. This page has no diagnosis to send it to.',
  diagnosis: (name, share) => `Diagnosis: ${name} · ${share}`, judging: (i, n) => `Judging ${i} of ${n} …`, refused: 'Only an accepted picture can be sent.',
  notTaught: 'This gate cannot be taught: its network was trained on its own photos. Open a backbone, or a gate that was made on one.',
  loading: 'Loading…', learning: 'Learning…',
  noGate: 'There is no gate here yet. Open a gate file (.safetensors), or a backbone to teach one.',
  slow: 'The gate is still on its way: the connection is slow, or the server does not answer.',
  unreachable: 'The gate could not be loaded. Check the connection and try again, or open a gate file.',
  notKept: 'This gate could not be kept for the next visit: the browser has no room for it, or does not allow it.', own: 'Back to the site\'s gate',
  noCamera: 'No camera was found. Photos can be opened or dropped here instead.',
  cameraBusy: 'The camera does not answer: another app may be using it. Close that app and try again, or open photos instead.',
  cameraLost: 'The camera went away. Plug it in, or close the app that took it, and try again.',
  denied: 'The camera is not allowed. Allow it in the browser\'s settings of this page, or open photos instead.',
  insecure: 'Browsers give the camera to https pages only. Photos can be opened or dropped here.',
  noWasm: 'This browser cannot run WebAssembly. A current Safari, Chrome, Edge or Firefox can.',
  noSimd: 'This browser has no WebAssembly SIMD, so the gate looks at fewer frames a second. An update makes it fast: Safari 16.4, Chrome 108, Firefox 121 or newer.',
  broken: 'This file cannot be opened as a gate. A gate is a .safetensors file that winnow wrote.', fault: 'Something went wrong.',
  noModule: 'A part of this page could not be loaded. Check the connection and try again, or use a newer browser: Safari 16.4, Chrome 108, Firefox 121.', promised: (text) => `${text}.`,
  promise: (share, sure) => `turns away at most ${share} of the right pictures, ${sure ? `with ${sure} confidence` : 'on average'}`,
};
// What winnow_learner_describe says.
const inJapanese = (text) => {
  const rate = (words) => words.replace(/ with (.+) confidence/, '(信頼度 $1)');
  const [, count, others, wanted] = text.match(/^(\d+) more normal pictures?(, of other views,)? for (.+)$/) ?? [];
  if (count) return `${rate(wanted)} を約束するには、${others ? 'ほかの景色で' : ''}あと ${count} 枚必要です。`;
  const [, promised, cameras] = text.match(/^(.+) can be promised, for (.+)$/) ?? [];
  if (!promised) return text;
  const [, many] = cameras.match(/(\d+)/) ?? [];
  return `${rate(promised)} を約束できます(${many ? `${many} 台のカメラ` : 'このカメラ'}${cameras.startsWith('cameras like') ? 'に似たもの' : 'のみ'})。`;
};
const ja = {
  normal: '合格', unsure: '不明', abnormal: '対象外', none: 'ゲートなし', waiting: '映像なし',
  adviceNormal: '撮影できます', adviceUnsure: '近づいて、動かさず、明るい所で', adviceAbnormal: 'カメラを対象に向けてください',
  similarity: '類似度', pvalue: 'p値', speed: '速度',
  open: '開く', turn: '切替', shoot: '撮影する', teach: '教える',
  teachHelp: 'ボタンを押したまま、カメラを動かしてください。', taught: '約束に必要な写真の割合',
  move: 'カメラを動かしてください。', tryIt: '試してみて、まちがいがあれば、もう一度押して直してください。',
  is: 'これです', isnot: 'ちがいます', save: 'ゲートを保存', forget: 'やり直す', forgetAsk: 'やり直しますか?見せた写真と、そこから学習した内容は消えます。', keep: '残す',
  lossAsk: '教えた内容のうち、ファイルに保存していないものは消えます。続けますか?',
  send: '診断へ送る', share: '共有', back: '戻る', again: '再試行', close: '続ける', dropped: '写真', noPhoto: '写真ではありません', notJudged: '判定できません',
  accepted: '合格です', sent: '送信しました。', nobody: '合格です。このページには送信先の診断がありません。',
  diagnosis: (name, share) => `診断: ${name} · ${share}`, judging: (i, n) => `${n} 枚中 ${i} 枚目を判定中…`, refused: '合格した写真だけを送信できます。',
  notTaught: 'このゲートには教えられません。ネットワークごと学習したものだからです。バックボーン、またはそれから作ったゲートを開いてください。',
  loading: '読み込み中…', learning: '学習中…',
  noGate: 'ゲートがありません。ゲートのファイル(.safetensors)、または教えるためのバックボーンを開いてください。',
  slow: 'ゲートを読み込んでいます。接続が遅いか、サーバーが応答していません。',
  unreachable: 'ゲートを読み込めませんでした。接続を確かめて再試行するか、ゲートのファイルを開いてください。',
  notKept: 'このゲートを次回のために保存できませんでした。空き容量がないか、ブラウザが許可していません。', own: 'サイトのゲートに戻す',
  noCamera: 'カメラが見つかりません。写真を開くか、ここにドロップしてください。',
  cameraBusy: 'カメラが応答しません。ほかのアプリが使っている場合は、閉じてから再試行するか、写真を開いてください。',
  cameraLost: 'カメラが切断されました。接続を確かめて、再試行してください。',
  denied: 'カメラが許可されていません。ブラウザの設定で許可するか、写真を開いてください。',
  insecure: 'カメラは https のページでのみ使えます。写真を開くか、ドロップしてください。',
  noWasm: 'このブラウザは WebAssembly に対応していません。新しい Safari、Chrome、Edge、Firefox をお使いください。',
  noSimd: 'このブラウザは WebAssembly SIMD に対応していないため、判定が遅くなります。Safari 16.4、Chrome 108、Firefox 121 以降に更新すると速くなります。',
  broken: 'このファイルはゲートとして開けません。winnow が書き出した .safetensors ファイルを選んでください。', fault: 'エラーが発生しました。',
  noModule: 'このページの一部を読み込めませんでした。接続を確かめて再試行するか、新しいブラウザ(Safari 16.4、Chrome 108、Firefox 121 以降)をお使いください。', promised: inJapanese,
  promise: (share, sure) => `正しい写真のうち退けるのは${sure ? `最大 ${share}(信頼度 ${sure})` : `平均で最大 ${share}`}`,
};
export const languages = { en, ja };
// The language is remembered where the browser allows it: where it does not, already asking is an error.
function remembered() {
  try {
    return localStorage.getItem('language');
  } catch {
    return null;
  }
}

function remember(language) {
  try {
    localStorage.setItem('language', language);
  } catch {
    // until the page is left
  }
}

let chosen = languages[remembered()] ? remembered() : navigator.language.startsWith('ja') ? 'ja' : 'en';

export const t = (key, ...values) => {
  const text = languages[chosen][key];
  return typeof text === 'function' ? text(...values) : text;
};
export const language = () => chosen;

export function speak(next = chosen) {
  chosen = next;
  remember(next);
  document.documentElement.lang = next;
  for (const e of document.querySelectorAll('[data-text]')) e.textContent = t(e.dataset.text);
  for (const e of document.querySelectorAll('[data-label]')) e.setAttribute('aria-label', t(e.dataset.label));
  const other = document.getElementById('language');
  other.lang = next === 'ja' ? 'en' : 'ja';
  other.lastElementChild.textContent = next === 'ja' ? 'English' : '日本語';
}
