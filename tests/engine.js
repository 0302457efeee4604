// Perfetto's own query engine, trace_processor in WebAssembly, without a browser.
// node engine.js FOLDER <requests >replies: streams of TraceProcessorRpc messages.
const fs = require("fs");
const path = require("path");

const folder = process.argv[2];
const read = (url) => fs.readFileSync(path.join(folder, path.basename(String(url))));
const requests = fs.readFileSync(0);
const { exit, stdout } = process;
const replies = [];

// What a browser's worker has, as far as the engine's loader asks. It must not see node: for that
// it would need files that the bundle doesn't have.
class XMLHttpRequest {
  open(_, url) { this.url = url; }
  send() { this.status = 200; this.response = new Uint8Array(read(this.url)).buffer; }
}
Object.assign(globalThis, {
  self: globalThis,
  WorkerGlobalScope: class {},
  XMLHttpRequest,
  location: { href: "file:///engine_bundle.js" },
  importScripts() {},
});
Object.defineProperty(globalThis, "process", { value: undefined });

(0, eval)(fs.readFileSync(path.join(folder, "engine_bundle.js"), "utf8"));
const port = { postMessage: (bytes) => replies.push(Buffer.from(bytes)) };
globalThis.onmessage({ data: port });
// The engine is loaded at once, but is told so by a promise.
setTimeout(() => {
  port.onmessage({ data: new Uint8Array(requests) });
  stdout.write(Buffer.concat(replies), () => exit(0));
}, 0);
