// A flow's two exported graphs in onnxruntime-web: rows in, columns out. No .NET, no server, one thread of WebAssembly.
const version = '1.30.0';
const places = ['./node_modules/onnxruntime-web/dist/', `https://cdn.jsdelivr.net/npm/onnxruntime-web@${version}/dist/`];

// beside the page where `npm install` was run here, else from the public network
async function runtime() {
  let problem;
  for (const place of places) {
    try {
      const folder = new URL(place, import.meta.url).href;
      const ort = await import(`${folder}ort.wasm.min.mjs`);
      ort.env.wasm.wasmPaths = folder;
      ort.env.wasm.numThreads = 1; // more need a page that is isolated from other origins
      ort.env.logLevel = 'error';
      return ort;
    } catch (e) {
      problem = e;
    }
  }
  throw new Error(`onnxruntime-web was not found: run "npm install" in this folder. (${problem.message})`);
}

export class Flow {
  #ort;
  #density;
  #sampler;
  #last = Promise.resolve(); // a session runs one call at a time

  /**
   * Loads density.onnx and sampler.onnx from a folder, an address that ends with "/". Where a number of features is given, an error says
   * that there are others.
   */
  static async load(folder, features) {
    const flow = new Flow();
    flow.#ort = await runtime();
    const load = async name => {
      const address = new URL(name, folder).href, answer = await fetch(address);
      if (!answer.ok) {
        throw new Error(`There is no ${address} (${answer.status}). "realnvp export model.zip -o FOLDER" and ExportDensity write it.`);
      }
      return flow.#ort.InferenceSession.create(await answer.arrayBuffer(), { executionProviders: ['wasm'] });
    };
    flow.#density = await load('density.onnx');
    flow.#sampler = await load('sampler.onnx');
    const found = flow.#density.inputMetadata.find(input => input.name === 'Features')?.shape[1];
    if (features && found !== features) {
      throw new Error(`This shows flows of ${features} features, and ${new URL('density.onnx', folder).href} has ${found}.`);
    }
    return flow;
  }

  /** The density graph's columns for rows, [[x, y], ...]: LogLikelihood, Score, PredictedLabel, PValue, Contributions and others. */
  score(rows, names = this.#density.outputNames) {
    return this.#run(this.#density, 'Features', rows, names);
  }

  /** Rows for standard normal noise; a temperature below 1 draws nearer to the likely ones. */
  async sample(latents, temperature = 1) {
    // the graph's own input Temperature is optional, and this runtime refuses to override optional inputs
    const scaled = latents.map(latent => latent.map(z => z * temperature));
    const { Features } = await this.#run(this.#sampler, 'Latent', scaled, ['Features']);
    return latents.map((_, i) => Array.from(Features.slice(i * latents[0].length, (i + 1) * latents[0].length)));
  }

  async #run(session, input, rows, names) {
    const values = Float32Array.from(rows.flat());
    const feeds = { [input]: new this.#ort.Tensor('float32', values, [rows.length, rows[0].length]) };
    const result = this.#last.then(() => session.run(feeds, names));
    this.#last = result.catch(() => {});
    return Object.fromEntries(Object.entries(await result).map(([name, tensor]) => [name, tensor.data]));
  }
}

/** Standard normal numbers, the same for the same seed: mulberry32 and Box-Muller. */
export function normals(seed) {
  const uniform = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
