// bench_liquidjs.js NODE_FOLDER TEMPLATE SECONDS: renders as tests/templates/compose_rate.c does, with
// LiquidJS; prints "operations seconds bytes" of CPU time.
'use strict';
const fs = require('fs');
const path = require('path');
const { Liquid } = require(path.join(path.resolve(process.argv[2]), 'node_modules/liquidjs'));

const engine = new Liquid({ outputEscape: 'escape' });
const template = engine.parse(fs.readFileSync(process.argv[3], 'utf8'));
const seconds = Number(process.argv[4]);
const rows = [];
for (let r = 0; r < 1024; r++) {
	const row = { vip: r % 2 === 0, items: [] };
	for (let v = 0; v < 10; v++) {
		row['v' + v] = `value ${v} of row ${r}, ${r * 7919 % 100000}`;
	}
	for (let i = 0; i < 5; i++) {
		row.items.push({ name: `thing ${(r * 31 + i) * 7919 % 100000}`, price: 100 * i + r });
	}
	rows.push(row);
}
function cpu() {
	const u = process.cpuUsage();
	return (u.user + u.system) / 1e6;
}
for (let i = 0; i < 20000; i++) { // compiled and warm, as in a long run
	engine.renderSync(template, rows[i % 1024]);
}
let n = 0, bytes = 0, from = cpu(), now;
do {
	for (let i = 0; i < 64; i++) {
		bytes += Buffer.byteLength(engine.renderSync(template, rows[n++ % 1024]));
	}
	now = cpu();
} while (now - from < seconds);
console.log(n, now - from, bytes);
