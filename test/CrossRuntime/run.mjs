// Runs an ONNX graph with one batch input in onnxruntime-web, on WebAssembly in one thread, and writes every output as raw values:
//   node run.mjs GRAPH.onnx INPUT_NAME WIDTH INPUT.f32 OUTPUT_FOLDER
// Float outputs become OUTPUT_FOLDER/NAME.f32, bool outputs OUTPUT_FOLDER/NAME.u8. Raw, because JSON has no NaN.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web';

const [graph, inputName, width, inputFile, folder] = process.argv.slice(2);

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const bytes = readFileSync(inputFile);
const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const rows = values.length / Number(width);

const session = await ort.InferenceSession.create(readFileSync(graph), { executionProviders: ['wasm'] });
const results = await session.run({ [inputName]: new ort.Tensor('float32', values, [rows, Number(width)]) });
for (const [name, tensor] of Object.entries(results)) {
  const extension = tensor.type === 'bool' ? 'u8' : 'f32';
  writeFileSync(join(folder, `${name}.${extension}`), new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
}
