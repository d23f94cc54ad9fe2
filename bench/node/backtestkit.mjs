// The way backtest-kit keeps its state, measured: its writeFileAtomic
// (temporary file, write, fsync, close, rename; no fsync of the directory), its
// readValue, and its waitForInit, which reads every file once at the start.
//
// One job comes on stdin as JSON, one tally goes to stdout as JSON.
import crypto from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";

const EPOCH = 1_700_000_000_000;

const keyOf = (i) => `C${String(i).padStart(7, "0")}USDT`;

// rowOf is the row of write number seq to entity i, the same as the Go side's.
function rowOf(i, seq) {
  const price = (seq % 10_000) + 0.5;
  return {
    id: `4f1c2d6e-${String(seq).padStart(12, "0")}`,
    position: "long",
    note: "breakout above the 20 day high on rising volume, stop below the last swing low of the 1h",
    priceOpen: 20_000 + price,
    priceTakeProfit: 21_000 + price,
    priceStopLoss: 19_000 + price,
    minuteEstimatedTime: 240,
    exchangeName: "binance",
    strategyName: "sma-crossover-1h",
    scheduledAt: EPOCH,
    pendingAt: EPOCH + seq,
    symbol: keyOf(i),
    _isScheduled: false,
  };
}

async function writeValue(dir, id, value) {
  const file = path.join(dir, `${id}.json`);
  const data = JSON.stringify(value);
  const temp = path.join(dir, `.tmp-${crypto.randomBytes(6).toString("hex")}-${id}.json`);
  const handle = await fs.open(temp, "w", 0o666);
  await handle.writeFile(data, { encoding: "utf-8" });
  await handle.sync();
  await handle.close();
  await fs.rename(temp, file);
}

async function readValue(dir, id) {
  return JSON.parse(await fs.readFile(path.join(dir, `${id}.json`), "utf-8"));
}

async function* keys(dir) {
  const ids = [];
  for await (const entry of await fs.opendir(dir)) {
    if (entry.isFile() && entry.name.endsWith(".json")) {
      ids.push(entry.name.slice(0, -5));
    }
  }
  ids.sort((a, b) => a.localeCompare(b, undefined, { numeric: true, sensitivity: "base" }));
  yield* ids;
}

// repeat runs one loop for each thread, all within this process, and measures
// the operations that end between the end of the warm-up and the end, which is
// put off where there are none.
async function repeat({ threads, warmNanoseconds, measureNanoseconds }, operation) {
  const start = performance.now();
  const from = start + warmNanoseconds / 1e6;
  let until = from + measureNanoseconds / 1e6;
  const took = [];
  const loop = async (thread) => {
    for (let n = 0, before = start; before < until || took.length === 0; n++) {
      await operation(thread, n);
      const now = performance.now();
      if (now >= until && took.length === 0) {
        until = now + 1e-6;
      }
      if (now >= from && now < until) {
        took.push(now - before);
      }
      before = now;
    }
  };
  await Promise.all(Array.from({ length: threads }, (_, i) => loop(i)));
  took.sort((a, b) => a - b);
  const at = (q) => 1000 * (took[Math.max(0, Math.ceil(q * took.length) - 1)] ?? 0);
  return { ops: took.length, seconds: (until - from) / 1000, p50: at(0.5), p99: at(0.99), max: at(1) };
}

async function writes(job) {
  const { dir, threads } = job;
  const last = Array(job.keys).fill(0);
  const tally = await repeat(job, async (thread, n) => {
    const own = Math.ceil((job.keys - thread) / threads);
    const key = thread + (n % own) * threads;
    const seq = Math.floor(n / own) + 1;
    await writeValue(dir, keyOf(key), rowOf(key, seq));
    last[key] = seq;
  });
  return { ...tally, last };
}

async function reads(job) {
  return await repeat(job, () => readValue(job.dir, keyOf(0)));
}

async function list(job) {
  if (job.cold) {
    await fs.writeFile("/proc/sys/vm/drop_caches", "3"); // synced already by whoever started this
  }
  const start = performance.now();
  await fs.mkdir(job.dir, { recursive: true });
  for await (const id of keys(job.dir)) {
    await readValue(job.dir, id); // waitForInit checks every value
  }
  const open = performance.now();
  const values = [];
  for await (const id of keys(job.dir)) {
    values.push(await readValue(job.dir, id));
  }
  const end = performance.now();
  return {
    ops: values.length,
    open: (open - start) / 1000,
    seconds: (end - start) / 1000,
    last: values.map((v) => v.pendingAt - EPOCH),
  };
}

let input = "";
for await (const chunk of process.stdin) {
  input += chunk;
}
const job = JSON.parse(input);
const work = { writes, reads, list }[job.do];
process.stdout.write(JSON.stringify(await work(job)));
