// Makes order.json, the order of ids as Node has it:
//
//   node testdata/make-golden.mjs
//
// Every list is an array of groups in ascending order; the ids of one group
// compare equal. The script stops if the comparisons of any two ids of a list
// do not fit the groups. Lists are the same in every run, random ones as well.

import { writeFileSync } from "node:fs";

const compare = (a, b) =>
  a.localeCompare(b, "en-US", { numeric: true, sensitivity: "base" });

// A small generator of 32-bit numbers (xorshift), for lists that stay.
let state = 0x9e3779b9;
function below(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}
const pick = (array) => array[below(array.length)];
const range = (first, last) =>
  Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i));
const some = (count, atoms, most) =>
  Array.from({ length: count }, () =>
    Array.from({ length: 1 + below(most) }, () => pick(atoms)).join(""));
const every = (array, n) => array.filter((_, i) => i % n === 0);
const cross = (...parts) =>
  parts.reduce((all, part) => all.flatMap((a) => part.map((b) => a + b)), [""]);

const printable = range(0x20, 0x7e);
const controls = [...range(0, 0x1f), "\x7f"];
const zeros = ["0", "\u0660", "\u06f0", "\u0966", "\u0e50", "\uff10"];
const digitOf = (zero, n) => String.fromCodePoint(zero.codePointAt(0) + n);
const invisible = ["\u00ad", "\u200b", "\u200c", "\u200d", "\u200e", "\u2060",
  "\u2066", "\u2069", "\u061c", "\u180e", "\ufeff", "\ufe0f", "\u034f", "\0"];
const accents = ["\u0300", "\u0301", "\u0306", "\u0308", "\u030a", "\u0323", "\u0327", "\u0338"];
const currency = ["$", ..."¢£¤¥", ...range(0x20a0, 0x20c0)];

const lists = {
  "symbols": ["BTCUSDT", "btcusdt", "BTC-USD", "BTC_USD", "BTC/USD", "BTC:USD", "BTC.P",
    "BTC-PERP", "BTC-PERP-1", "BTC-240628", "BTC-240628-70000-C", "BTC-240628-7000-P",
    "BTC2", "BTC10", "BTC", "ETHUSDT", "1000PEPE", "1000SHIB", "10000SATS", "100X", "1INCH",
    "1e3", "log-1", "log-2", "log-10", "log-02", "log-002", "log-", "log", "LOG-2", "#1", "@btc",
    "2024-01-02", "2024-1-2", "2024-1-10", "2024-10-01", "v1.9", "v1.10", "v1.9.1", "v01.09"],
  "printable": cross(printable, ["", "a", "1"]).concat(cross(["a", "1"], printable)),
  "controls": cross(["", "a", "1"], controls, ["", "2"]),
  "zeros": cross(["", "a", "_"], ["0", "00", "01", "001", "1", "010", "10", "100"], ["", "a", "_", "-0"]),
  "end of a run": cross(["a", "a1", "a01", "é", "é1"], ["", "_", "-", "~", "$", "b", "0", "00", "é", "日"]),
  "digits of scripts": zeros.flatMap((z) => [1, 2, 9].flatMap((n) =>
    [digitOf(z, n), z + digitOf(z, n), digitOf(z, n) + z, digitOf(z, n) + "0", "7" + digitOf(z, n)])),
  "other numbers": cross(["", "1", "a"], ["²", "₂", "½", "①", "⑩", "Ⅻ", "2", "9999"], ["", "1"]),
  "long numbers": [1, 2, 127, 128, 253, 254, 255, 256, 508, 509].flatMap((n) =>
    ["1".repeat(n), "9".repeat(n), "0".repeat(n) + "1", "1" + "0".repeat(n), "1".repeat(n) + "a"]),
  "marks after digits": cross(["1", "12", "a1"], ["", ...accents.slice(0, 3), ...invisible, "\u20e3"], ["", "2"]),
  "invisible": cross(["", "a"], invisible, ["", "b"]).concat(["ab", "b", "a b", ""]),
  "quotes": cross(["'", '"', ..."‘’‚‛“”„‟〝〞＂＇`´«»"], ["", "a"]),
  "brackets": ["(", "[", "{", "}", "*", ..."⌈⌉⌊⌋⟨⟩⁅⁆「」"],
  "currency": cross(currency, ["", "1"]).concat(["~", "0", "1", "a", "Pts", "Rs", "﷼", "ریال", "ر"]),
  "latin": range(0xa0, 0x17f).concat(["ss", "ae", "oe", "ij", "l·", "K", "Å", "ﬁ", "fi"]),
  "latin with accents": some(150, [..."aeiouAEnsz01", ...accents], 5),
  "latin extended": every(range(0x180, 0x24f), 2).concat(every(range(0x1e00, 0x1eff), 3)),
  "cyrillic": range(0x400, 0x4ff),
  "cyrillic with accents": some(150, [..."ийіїгґеёкоуыэЎЁ", ...accents], 4)
    .concat(cross(["о", "і"], ["", "\u2066"], ["", "\u0308"])),
  "greek": [...range(0x386, 0x3ce)].filter((c) => /\p{L}/u.test(c)).concat(
    every(range(0x1f00, 0x1f4d), 4), some(40, [..."αβγΩω", ...accents], 4)),
  "hangul": some(60, [..."한국비트코인가각힣ㄱㅏ", "\u1100", "\u1161", "\u11a8", "1", "a"], 4)
    .concat(["가\u11c1", "갛", "가\u11c3", "가\u11ff"]),
  "kana": range(0x3041, 0x3096).concat(range(0x30a1, 0x30fe), some(40, [..."かがハバパｶﾊﾞﾟー", "\u3099"], 3)),
  "han": [..."一二三上下中九人八六十千国大小山川年日月本東田百火白石空糸米美花金銀雨青音食馬高"]
    .concat(["日本", "日本1", "日本10", "中国", "a日", "1日", "10日"]),
  "fullwidth": range(0xff01, 0xff5e).concat(["Ａ1", "Ａ１０", "ａ2"]),
  "emoji": cross([..."🚀🌙🤖🦄🪙🟢🔴🧠😀🙏🛸🜁⏰⏸⏺☀⚡✀✂❤⭐⭕⭍⮕🞄🠀", "👍🏽", "👍", "👩‍🚀", "🇺🇸", "1️⃣"], ["", "2"]),
  "scripts": [..."aΩжא١अกคあ가一𐍈ⰀⴀԱა😀~$"].map((c) => c + "1"),
  "random printable": some(200, printable, 6),
  "random dense": some(200, [..."0001129abAB_-.~ "], 6),
  "random mixed": some(200, [...printable, ...range(0xc0, 0xff), ...range(0x430, 0x44f), ...zeros,
    ..."한日あΩ🚀🤖₿", ...accents, ...invisible], 6),
};

function groups(ids) {
  const sorted = [...new Set(ids)].sort((a, b) => compare(a, b) || Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const out = [];
  for (const id of sorted) {
    const last = out.at(-1);
    if (last && compare(last[0], id) === 0) last.push(id);
    else out.push([id]);
  }
  out.forEach((x, i) => out.forEach((y, j) => x.forEach((a) => y.forEach((b) => {
    if (Math.sign(compare(a, b)) !== Math.sign(i - j)) {
      throw new Error(`no order: ${JSON.stringify([a, b])} of ${JSON.stringify([x, y])}`);
    }
  }))));
  return out;
}

// One list a line, and ASCII only: half of the ids cannot be seen.
const ascii = (value) => JSON.stringify(value).replace(/[\x7f-\uffff]/g,
  (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
const lines = Object.entries(lists).map(([name, ids]) => `${ascii(name)}: ${ascii(groups(ids))}`);
const { node, icu, unicode } = process.versions;
writeFileSync(new URL("order.json", import.meta.url),
  `{"made": ${JSON.stringify({ node, icu, unicode })},\n"lists": {\n${lines.join(",\n")}\n}}\n`);
