// dkim_verify.js RECORDS.json NODE_FOLDER: verifies messages from standard input (length in four
// bytes, then the message) with mailauth; prints what it says of each signature, one line a message.
'use strict';
const fs = require('fs');
const path = require('path');
const { dkimVerify } = require(path.join(path.resolve(process.argv[3]), 'node_modules/mailauth/lib/dkim/verify.js'));

const records = JSON.parse(fs.readFileSync(process.argv[2]));
const input = fs.readFileSync(0);

async function resolver(name, type) {
	if (type === 'TXT' && records[name]) {
		return [[records[name]]];
	}
	throw Object.assign(new Error('no such name: ' + name), { code: 'ENOTFOUND' });
}

(async () => {
	for (let at = 0; at < input.length;) {
		const n = input.readUInt32BE(at);
		const { results } = await dkimVerify(input.subarray(at + 4, at + 4 + n), { resolver });
		console.log(results.map(r => r.status.result).join(' '));
		at += 4 + n;
	}
})();
