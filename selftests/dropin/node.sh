#!/bin/sh
# SPDX-License-Identifier: MIT
# node gives the same output under Lane: buffers, JSON, compression, streams,
# worker threads.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
needs node

unset NODE_OPTIONS NODE_PATH

prepare() {
	cat >churn.js <<'END'
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { createHash } = require('crypto');
const zlib = require('zlib');
const digest = (x) => createHash('sha256').update(x).digest('hex').slice(0, 24);

function generator(seed) {
	return (m) => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return (seed >>> 8) % m;
	};
}

function churn(seed, n) {
	const random = generator(seed);
	const live = new Map();
	for (let i = 0; i < n; i++) {
		const k = random(n / 4);
		if (live.has(k) && random(3) === 0)
			live.delete(k);
		else
			live.set(k, Buffer.alloc(random(20000), i & 255));
	}
	const keys = [...live.keys()].sort((a, b) => a - b);
	return digest(Buffer.concat(keys.map((k) => live.get(k))));
}

async function main(n) {
	console.log('main', churn(1, n));
	const answers = await Promise.all([2, 3, 4, 5].map((seed) => new Promise((yes, no) => {
		const w = new Worker(__filename, { workerData: { seed, n } });
		let answer;
		w.on('message', (m) => { answer = m; });
		w.on('error', no);
		w.on('exit', (code) => yes([answer, code]));
	})));
	for (const [m, code] of answers)
		console.log('worker', m.text, digest(m.bytes), code);

	const object = {};
	for (let i = 0; i < n; i++)
		object['key' + i] = { i, s: 'v'.repeat(i % 200), a: [i, [i + 1]] };
	const text = JSON.stringify(object);
	console.log('json', text.length, digest(text), Object.keys(JSON.parse(text)).length);
	const gz = await Promise.all([1, 6, 9].map((level) => new Promise((yes, no) =>
		zlib.gzip(text, { level }, (e, b) => (e ? no(e) : yes(b))))));
	for (const b of gz)
		console.log('gzip', digest(b), zlib.gunzipSync(b).toString() === text);
	console.log('brotli', digest(zlib.brotliCompressSync(text.slice(0, 100000))));
	const shared = new Int32Array(new SharedArrayBuffer(4096));
	shared.fill(7);
	console.log('shared', shared.reduce((a, b) => a + b));
	let array = new Float64Array(1);
	for (let i = 0; i < 20; i++) {
		const next = new Float64Array(array.length * 2);
		next.set(array);
		array = next.fill(i, array.length);
	}
	console.log('array', array.reduce((a, b) => a + b));
	console.log('regex', text.match(/v{50,60}"/g).length, digest(text.replace(/v+/g, (m) => m.length)));
	console.log('big', (3n ** 20000n).toString().length);
	try {
		Buffer.alloc(2 ** 53);
	} catch (e) {
		console.log(e.name);
	}
}

if (isMainThread) {
	main(Number(process.argv[2]));
} else {
	const bytes = Buffer.from(churn(workerData.seed, workerData.n).repeat(1000));
	parentPort.postMessage({ text: 'seed ' + workerData.seed, bytes });
}
END
	rows=10000
	[ -z "$QUICK" ] || rows=2000
	without plain node churn.js "$rows"
}

suite() {
	with "$1" lane node churn.js "$rows"
	same "$1: node gives the same output" plain lane
	lane_at_work "$1: node ran on Lane" lane 10000 "$1"
}

run_suites 2
