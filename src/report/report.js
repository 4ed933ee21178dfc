// The trade-off slider: at each threshold, the share of normals turned away and of abnormals let through.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("scores").textContent);
  const slider = document.getElementById("threshold");
  if (!slider) return;
  const all = [...data.normal, ...data.abnormal].sort((a, b) => a - b);
  const below = (sorted, t) => {
    let low = 0, high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < t) low = middle + 1; else high = middle;
    }
    return low;
  };
  const percent = (part, whole) => whole ? (100 * part / whole).toFixed(2) + "%" : "-";
  const line = document.getElementById("threshold-line");
  const dot = document.getElementById("roc-dot");
  const at = document.getElementById("at");
  const first = below(all, data.threshold), own = at.textContent; // the threshold itself lies between two scores
  const show = () => {
    const position = Number(slider.value);
    const t = position === first ? data.threshold : position >= all.length ? Infinity : all[position];
    const rejected = below(data.normal, t), refused = below(data.abnormal, t);
    at.textContent = position === first ? own : Number.isFinite(t) ? String(Number(t.toPrecision(6))) : "above all";
    document.getElementById("rejects").textContent = percent(rejected, data.normal.length);
    document.getElementById("accepts").textContent = percent(data.abnormal.length - refused, data.abnormal.length);
    if (line && Number.isFinite(t)) {
      const x = (45 + 405 * Math.min(1, Math.max(0, (t - data.low) / (data.high - data.low)))).toFixed(1);
      line.setAttribute("x1", x); line.setAttribute("x2", x);
    }
    if (dot) {
      const accepted = (data.abnormal.length - refused) / data.abnormal.length;
      dot.setAttribute("cx", (45 + 405 * (1 + Math.log10(Math.max(accepted, 1e-3)) / 3)).toFixed(1));
      dot.setAttribute("cy", (210 - 200 * (1 - rejected / data.normal.length)).toFixed(1));
    }
  };
  slider.max = all.length;
  slider.value = first;
  slider.addEventListener("input", show);
  show();
})();
