// What the page shows: a heat map of the density, rows drawn live, and what the flow says of the point that is clicked.
import { Flow, normals } from './flow.js';

const side = 480, cells = 120, most = 1500, perFrame = 6;
const query = new URLSearchParams(location.search);
// ?flow=other/folder for graphs of your own, of two features; without its "/" an address would be that of the folder above
const folder = new URL((query.get('flow') ?? '.').replace(/\/*$/, '/'), location.href);
const element = id => document.getElementById(id);
const density = element('density').getContext('2d'), points = element('points').getContext('2d');
const normal = normals(Number(query.get('seed') ?? Date.now() | 0));
const noise = count => Array.from({ length: count }, () => [normal(), normal()]);

let flow, range, drawn = [], clicked;

function toPixel([x, y]) {
  return [(x - range.left) / range.width * side, (1 - (y - range.bottom) / range.height) * side];
}

function toRow(pixelX, pixelY) {
  return [range.left + pixelX / side * range.width, range.bottom + (1 - pixelY / side) * range.height].map(Math.fround);
}

// what all but a hundredth of a thousand drawn rows take, with a margin
async function findRange() {
  const rows = await flow.sample(noise(1000));
  const ends = axis => {
    const values = rows.map(row => row[axis]).sort((a, b) => a - b);
    const low = values[5], high = values[994], margin = 0.25 * (high - low);
    return [low - margin, high - low + 2 * margin];
  };
  const [left, width] = ends(0), [bottom, height] = ends(1);
  range = { left, width, bottom, height };
}

async function drawDensity() {
  const size = side / cells, rows = [];
  for (let y = 0; y < cells; y++) {
    for (let x = 0; x < cells; x++) {
      rows.push(toRow((x + 0.5) * size, (y + 0.5) * size));
    }
  }
  const { LogLikelihood, PredictedLabel } = await flow.score(rows, ['LogLikelihood', 'PredictedLabel']);
  const highest = LogLikelihood.reduce((a, b) => Math.max(a, b), -Infinity);
  const image = density.createImageData(cells, cells);
  LogLikelihood.forEach((value, i) => {
    const share = Math.exp(value - highest) ** 0.6; // so that what is a tenth as likely is seen too
    const inside = i % cells < cells - 1 && i < cells * (cells - 1);
    const edge = inside && (PredictedLabel[i] !== PredictedLabel[i + 1] || PredictedLabel[i] !== PredictedLabel[i + cells]);
    const colour = edge ? [214, 90, 49] : [250 - 235 * share, 250 - 170 * share, 252 - 110 * share];
    image.data.set([...colour, 255], 4 * i);
  });
  const small = new OffscreenCanvas(cells, cells);
  small.getContext('2d').putImageData(image, 0, 0);
  density.imageSmoothingEnabled = false;
  density.drawImage(small, 0, 0, side, side);
  element('corners').textContent = `x ${range.left.toFixed(2)} to ${(range.left + range.width).toFixed(2)}, `
    + `y ${range.bottom.toFixed(2)} to ${(range.bottom + range.height).toFixed(2)}`;
}

async function drawRows() {
  if (element('live').checked) {
    drawn.push(...await flow.sample(noise(perFrame), Number(element('temperature').value)));
    drawn.splice(0, drawn.length - most);
  }
  points.clearRect(0, 0, side, side);
  points.fillStyle = '#222a';
  for (const row of drawn) {
    const [x, y] = toPixel(row);
    points.fillRect(x - 1, y - 1, 2, 2);
  }
  if (clicked) {
    const [x, y] = toPixel(clicked);
    points.strokeStyle = '#c00';
    points.lineWidth = 2;
    points.strokeRect(x - 5, y - 5, 10, 10);
  }
  element('count').textContent = drawn.length;
  requestAnimationFrame(() => drawRows().catch(show));
}

async function explain(event) {
  const box = element('points').getBoundingClientRect();
  clicked = toRow((event.clientX - box.left) * side / box.width, (event.clientY - box.top) * side / box.height);
  const columns = await flow.score([clicked]);
  const contributions = [...columns.Contributions ?? []]; // a column that costs, so only in graphs that were asked for it
  write('x', clicked[0]);
  write('y', clicked[1]);
  write('score', columns.Score[0]);
  write('pvalue', columns.PValue[0]);
  element('label').textContent = columns.PredictedLabel[0] ? 'an anomaly' : 'not an anomaly';
  const widest = Math.max(1, ...contributions.map(Math.abs));
  ['of-x', 'of-y'].forEach((id, i) => {
    element(id).parentElement.hidden = i >= contributions.length;
    write(id, contributions[i] ?? NaN);
    const bar = element(`${id}-bar`);
    bar.style.width = `${100 * Math.abs(contributions[i] ?? 0) / widest}px`;
    bar.className = contributions[i] > 0 ? 'bar odd' : 'bar';
  });
  element('result').hidden = false;
}

// the number as people read it, and all its digits for those who compare
function write(id, value) {
  element(id).textContent = value.toFixed(3);
  element(id).dataset.value = value;
}

function show(e) {
  element('status').textContent = e.message;
}

try {
  flow = await Flow.load(folder, 2);
  await findRange();
  await drawDensity();
  element('points').addEventListener('click', event => explain(event).catch(show));
  element('temperature').addEventListener('input', () => {
    drawn = [];
    element('temperature-value').textContent = Number(element('temperature').value).toFixed(2);
  });
  element('status').textContent = 'ready';
  drawRows().catch(show);
} catch (e) {
  show(e);
}
