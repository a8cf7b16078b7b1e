// Runs an ONNX graph in onnxruntime-web, on WebAssembly in one thread, and writes every output as raw values. With batch inputs, or with
// columns of one value per row, {"NAME": [numbers or texts, null for NaN]}:
//   node run.mjs GRAPH.onnx (INPUT_NAME WIDTH INPUT.f32)... OUTPUT_FOLDER
//   node run.mjs GRAPH.onnx COLUMNS.json OUTPUT_FOLDER
// Float outputs become OUTPUT_FOLDER/NAME.f32, bool outputs OUTPUT_FOLDER/NAME.u8. Raw, because JSON has no NaN.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web';

const [graph, ...rest] = process.argv.slice(2);
const folder = rest.at(-1);

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

function batches([inputName, width, inputFile, ...others]) {
  const bytes = readFileSync(inputFile);
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return {
    [inputName]: new ort.Tensor('float32', values, [values.length / Number(width), Number(width)]),
    ...(others.length > 0 ? batches(others) : {}),
  };
}

function columns(file) {
  return Object.fromEntries(Object.entries(JSON.parse(readFileSync(file, 'utf8'))).map(([name, values]) => [name,
    values.some(value => typeof value === 'string')
      ? new ort.Tensor('string', values, [values.length, 1])
      : new ort.Tensor('float32', Float32Array.from(values, value => value ?? NaN), [values.length, 1])]));
}

const session = await ort.InferenceSession.create(readFileSync(graph), { executionProviders: ['wasm'] });
const results = await session.run(rest.length === 2 ? columns(rest[0]) : batches(rest.slice(0, -1)));
for (const [name, tensor] of Object.entries(results)) {
  const extension = tensor.type === 'bool' ? 'u8' : 'f32';
  writeFileSync(join(folder, `${name}.${extension}`), new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
}
