// Every text on the page with the contrast between its colour and what lies behind it (WCAG 2, relative luminance).
() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = (element) => {
    const layers = [];
    for (let node = element; node; node = node.parentElement) {
      const style = getComputedStyle(node);
      layers.push(rgba(style.backgroundColor));
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => {
      const s = c / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || element.closest("script, style, .sr, .skip") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const ground = behind(element);
    const ratio = contrast(over(rgba(ink), ground), ground);
    found.push({ kind: "text", what: `${element.tagName}.${element.getAttribute("class") || ""}: ${text.slice(0, 40)}`, ratio });
  }
  for (const shape of document.querySelectorAll(".plot rect, .plot circle, .row-bar rect, .mark circle")) {
    const fill = getComputedStyle(shape).fill;
    if (!shape.checkVisibility() || fill === "none" || fill.startsWith("url") || shape.matches(".band")) continue;
    const ground = behind(shape);
    found.push({ kind: "shape", what: `${shape.tagName}.${shape.getAttribute("class")}`, ratio: contrast(over(rgba(fill), ground), ground) });
  }
  return found;
}
