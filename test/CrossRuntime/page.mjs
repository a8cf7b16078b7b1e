// Opens samples/Browser in headless Chromium from a file server of its own, uses the page as a person would, and prints what it showed as
// one JSON object:
//   node page.mjs PAGE_FOLDER CHROMIUM [PICTURE.png]
// Folders of graphs in the page's folder are opened by ?flow= too.
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [folder, executablePath, picture] = process.argv.slice(2);
const modules = dirname(fileURLToPath(import.meta.url));
const types = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' };

const server = createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://page').pathname));
  const file = join(path.startsWith('/node_modules/') ? modules : folder, path === '/' ? 'index.html' : path);
  if (!existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream' });
  createReadStream(file).pipe(response);
});
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));

const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});
const result = { points: [], errors: [], foreign: [], others: {} };
try {
  const origin = `http://127.0.0.1:${server.address().port}/`;
  const page = await browser.newPage({ viewport: { width: 900, height: 720 } });
  page.on('pageerror', e => result.errors.push(e.message));
  page.on('console', message => message.type() === 'error' && result.errors.push(message.text()));
  page.on('request', request => request.url().startsWith(origin) || request.url().startsWith('data:') || result.foreign.push(request.url()));
  await page.goto(`${origin}?seed=7`);
  await page.waitForFunction(() => document.getElementById('status').textContent !== 'loading', null, { timeout: 60_000 });
  result.status = await page.textContent('#status');

  const value = id => page.$eval(`#${id}`, node => Number(node.dataset.value));
  for (const [x, y] of [[240, 200], [120, 240], [20, 30], [300, 382]]) {
    await page.click('#points', { position: { x, y } });
    await page.waitForFunction(([at]) => {
      const shown = document.getElementById('x').dataset.value, before = document.body.dataset.before;
      return shown !== undefined && shown !== before && at > 0;
    }, [x]);
    await page.evaluate(() => { document.body.dataset.before = document.getElementById('x').dataset.value; });
    result.points.push({
      row: [await value('x'), await value('y')], score: await value('score'), pValue: await value('pvalue'),
      contributions: [await value('of-x'), await value('of-y')], flagged: (await page.textContent('#label')) === 'an anomaly',
    });
  }

  await page.waitForFunction(() => Number(document.getElementById('count').textContent) >= 300, null, { timeout: 60_000 });
  if (picture) {
    await page.screenshot({ path: picture });
  }
  // how many colours the map has, and whether dots lie on it
  result.colours = await page.$eval('#density', canvas =>
    new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size);
  result.dots = await page.$eval('#points', canvas =>
    new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer).filter(pixel => pixel !== 0).length);
  await page.fill('#temperature', '0.5');
  result.temperature = await page.textContent('#temperature-value');

  // the module alone, as an application would use it
  result.latents = [[0, 0], [0.5, -1], [-2, 1.5]];
  [result.drawn, result.cooled] = await page.evaluate(async latents => {
    const { Flow } = await import('./flow.js');
    const flow = await Flow.load(location.origin + '/');
    return Promise.all([flow.sample(latents), flow.sample(latents, 0.5)]);
  }, result.latents);

  for (const other of readdirSync(folder).filter(name => existsSync(join(folder, name, 'density.onnx')))) {
    await page.goto(`${origin}?seed=7&flow=${other}`);
    await page.waitForFunction(() => document.getElementById('status').textContent !== 'loading', null, { timeout: 60_000 });
    const status = await page.textContent('#status');
    if (status === 'ready') {
      await page.click('#points', { position: { x: 240, y: 200 } });
      await page.waitForSelector('#result:not([hidden])');
    }
    result.others[other] = { status, row: [await value('x'), await value('y')], score: await value('score'), text: await page.innerText('#result') };
  }
} finally {
  await browser.close();
  server.close();
}
console.log(JSON.stringify(result));
