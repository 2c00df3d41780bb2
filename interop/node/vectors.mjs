// Reads the test vectors and checks wire.mjs against them:
//
//   node vectors.mjs ../../wire/testdata/vectors

import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Malformed, batch, decode, encode } from './wire.mjs'

const folder = process.argv[2]
const count = { valid: 0, malformed: 0, cut: 0, frames: 0 }
// Whose last field is the payload: any byte more or less is only more or less
// of it.
const open = ({ envelope, fields }) =>
  ['EVENT', 'REQUEST', 'AUTH', 'FRAGMENT', 'NUMBERED'].includes(envelope) || (envelope === 'REPLY' && fields.code === 0)

for (const file of readdirSync(folder).filter((f) => f.endsWith('.json'))) {
  const vectors = JSON.parse(readFileSync(join(folder, file)))
  if (!vectors.valid) continue
  for (const v of vectors.valid) {
    const what = `${file}, ${v.name}`
    const bytes = Buffer.from(v.hex, 'hex')
    const got = decode(bytes)
    assert.deepEqual(got, { envelope: vectors.envelope, fields: v.fields }, what)
    assert.equal(encode(vectors.envelope, v.fields).toString('hex'), v.hex, what)
    count.valid++
    neighbours(got, bytes, what)
  }
  for (const v of vectors.malformed) {
    const what = `${file}, ${v.name}`
    assert.throws(() => decode(Buffer.from(v.hex, 'hex')), (err) => {
      assert(err instanceof Malformed, `${what}: ${err.stack}`)
      assert.equal(err.code, v.code, `${what}: ${err.message}`)
      return true
    }, what)
    count.malformed++
  }
}

// neighbours checks the two rules that need no vector.
function neighbours(got, bytes, what) {
  const payload = open(got) ? Buffer.from(got.fields.payload ?? got.fields.proof ?? got.fields.data, 'hex').length : 0
  for (let n = 1; n < bytes.length - payload; n++) {
    assert.throws(() => decode(bytes.subarray(0, n)), Malformed, `${what}, cut after ${n} bytes`)
    count.cut++
  }
  if (!open(got)) assert.throws(() => decode(Buffer.concat([bytes, Buffer.of(0)])), Malformed, `${what}, a byte more`)
}

for (const line of JSON.parse(readFileSync(join(folder, 'transcript.json')))) {
  if (!line.envelope) continue // the line breaks
  assert.equal(batch(encode(line.envelope, line.fields)).toString('hex'), line.stream, `transcript, line ${line.nr}`)
  count.frames++
}

assert(count.valid > 50 && count.malformed > 100 && count.frames > 40, 'few vectors: is this the right folder?')
console.log(`${count.valid} valid, ${count.malformed} malformed, ${count.cut} cut, ${count.frames} frames of the transcript`)
