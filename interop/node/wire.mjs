// The envelopes of docs/protocol.md in JavaScript, written from that page alone.
//
//   decode(bytes)          -> {envelope: 'EVENT', fields: {route: 5, ...}}
//   encode('EVENT', {...}) -> bytes
//
// Fields are named and written as wire/testdata/vectors/README.md says: numbers
// of 64 bits as strings of digits, bytes as hexadecimal strings.

/** What a frame that breaks a rule of the page throws; code as in section 12. */
export class Malformed extends Error {
  constructor(text, code = 17) {
    super(text)
    this.code = code
  }
}

const tooLarge = 21

class Reader {
  constructor(bytes) {
    this.bytes = bytes
    this.at = 0
  }
  get left() { return this.bytes.length - this.at }
  take(n) {
    if (n > this.left) throw new Malformed('the frame ends within a field')
    this.at += n
    return this.bytes.subarray(this.at - n, this.at)
  }
  u8() { return this.take(1)[0] }
  u64() { return Buffer.from(this.take(8)).readBigUInt64BE() }
  varint() {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.u8()
      value |= BigInt(byte & 0x7f) << shift
      if (value >> 64n || shift > 63n) throw new Malformed('a varint of more than 64 bits')
      if (byte < 0x80) {
        if (byte === 0 && shift > 0n) throw new Malformed('a varint not in its shortest form')
        return value
      }
    }
  }
  uint(bits = 32n) {
    const value = this.varint()
    if (value >> bits) throw new Malformed(`a number of more than ${bits} bits`)
    return Number(value)
  }
  // length is that of a string or a list: over its bound is "too large".
  length(bound) {
    const value = this.varint()
    if (value > BigInt(bound)) throw new Malformed(`${value} where ${bound} are allowed`, tooLarge)
    return Number(value)
  }
  string(bound) {
    const bytes = this.take(this.length(bound))
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      throw new Malformed('not UTF-8')
    }
  }
  id() {
    const id = this.take(16)
    if (id.every((b) => b === 0)) throw new Malformed('an ID of zeros')
    return hex(id)
  }
}

class Writer {
  constructor() { this.parts = [] }
  u8(n) { this.parts.push(Buffer.from([n])) }
  bytes(b) { this.parts.push(Buffer.from(b)) }
  u64(n) {
    const b = Buffer.alloc(8)
    b.writeBigUInt64BE(BigInt(n))
    this.parts.push(b)
  }
  uint(n) {
    let value = BigInt(n)
    const out = []
    for (; value >= 0x80n; value >>= 7n) out.push(Number(value & 0x7fn) | 0x80)
    out.push(Number(value))
    this.bytes(out)
  }
  string(s) {
    const b = Buffer.from(s, 'utf-8')
    this.uint(b.length)
    this.bytes(b)
  }
}

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const unhex = (text) => Buffer.from(text, 'hex')

// A type of field reads itself from a Reader and writes itself to a Writer.
const u8 = { read: (r) => r.u8(), write: (w, v) => w.u8(v) }
const u64 = { read: (r) => String(r.u64()), write: (w, v) => w.u64(v) }
const uint = { read: (r) => r.uint(), write: (w, v) => w.uint(v) }
const uint64 = { read: (r) => String(r.varint()), write: (w, v) => w.uint(v) }
const sint = {
  read: (r) => { const n = r.varint(); return String(n & 1n ? -(n >> 1n) - 1n : n >> 1n) },
  write: (w, v) => { const n = BigInt(v); w.uint(n >= 0n ? 2n * n : -2n * n - 1n) },
}
const code = { read: (r) => r.uint(16n), write: (w, v) => w.uint(v) }
const text = { read: (r) => r.string(1024), write: (w, v) => w.string(v) }
const maybeName = { read: (r) => r.string(255), write: (w, v) => w.string(v) }
const name = {
  read: (r) => check(r.string(255), (s) => s !== '', 'an empty name'),
  write: (w, v) => w.string(v),
}
const id = { read: (r) => r.id(), write: (w, v) => w.bytes(unhex(v)) }
const nonce = { read: (r) => hex(r.take(32)), write: (w, v) => w.bytes(unhex(v)) }
const payload = { read: (r) => hex(r.take(r.left)), write: (w, v) => w.bytes(unhex(v)) }
const list = (of) => ({
  read: (r) => {
    const n = r.length(4096)
    if (n > r.left) throw new Malformed('a list longer than the frame')
    return Array.from({ length: n }, () => of.read(r))
  },
  write: (w, v) => { w.uint(v.length); for (const one of v) of.write(w, one) },
})
const struct = (fields) => ({
  read: (r) => Object.fromEntries(Object.entries(fields).map(([key, f]) => [key, f.read(r)])),
  write: (w, v) => { for (const [key, f] of Object.entries(fields)) f.write(w, v[key]) },
})
const only = (field, allowed, what, errorCode) => ({
  read: (r) => check(field.read(r), allowed, what, errorCode),
  write: field.write,
})

function check(value, allowed, what, errorCode) {
  if (!allowed(value)) throw new Malformed(what, errorCode)
  return value
}

const node = struct({ id, name: maybeName })
const limits = struct({
  max_frame: only(uint, (n) => n === 0 || n >= 512, 'max frame from 1 to 511', 12),
  max_requests: uint, keepalive_ms: uint, window_events: uint, window_bytes: uint,
})
const noToken = '0'.repeat(32)
const token = {
  read: (r) => {
    switch (r.u8()) {
      case 0: return noToken
      case 16: return r.id()
    }
    throw new Malformed('a token has 16 bytes, or none')
  },
  write: (w, v) => {
    w.u8(v === noToken ? 0 : 16)
    if (v !== noToken) w.bytes(unhex(v))
  },
}

const positive = (field) => only(field, (n) => BigInt(n) > 0n, 'a zero')
const ending = { code, reason: text }
const patterns = { sender: name, event: name }

// HELLO and REPLY are not just one field after the other.
const hello = {
  read: (r) => {
    if (hex(r.take(4)) !== '67736967') throw new Malformed('not gosig')
    const min_version = r.u8()
    const max_version = r.u8()
    if (min_version < 1 || min_version > max_version) throw new Malformed('versions')
    if (min_version > 1) throw new Malformed('only newer versions', 18)
    return { min_version, max_version, ...helloRest.read(r) }
  },
  write: (w, v) => {
    w.bytes('gsig')
    w.u8(v.min_version)
    w.u8(v.max_version)
    helloRest.write(w, v)
  },
}
const helloRest = struct({
  role: only(u8, (n) => n === 0, 'a reserved role'), id, name: maybeName, features: uint64,
  codecs: list(name), limits, token, nodes: list(node),
})
const reply = {
  read: (r) => {
    const head = { id: uint64.read(r), code: code.read(r) }
    if (head.code === 0) return { ...head, app: '0', text: '', payload: payload.read(r) }
    return { ...head, app: sint.read(r), text: text.read(r), payload: '' }
  },
  write: (w, v) => {
    uint64.write(w, v.id)
    code.write(w, v.code)
    if (v.code === 0) return payload.write(w, v.payload)
    sint.write(w, v.app)
    text.write(w, v.text)
  },
}
const connect = struct({ sender: uint, route: uint, epoch: u64, name, events: list(name), requests: list(name) })
const routesFit = {
  read: (r) => check(connect.read(r), (v) => v.route + Math.max(v.events.length - 1, 0) < 2 ** 32, 'a route of more than 32 bits'),
  write: connect.write,
}

// With a flag set, an envelope has one more field, at its end or before the
// payload: [flag, name, type]. Without it the field is 0.
const more = (fields, ...extra) => ({ ...struct(fields), extra })
const turn = [0x20, 'turn', uint]
const period = [0x40, 'period', positive(uint)]

// By number: the envelope's name, its fields, and the names of flags 20, 40 and 80
// that are fields themselves; '' is one that is not defined, null one that only says
// that a field is there.
const table = {
  1: ['HELLO', hello],
  2: ['WELCOME', struct({
    version: only(u8, (n) => n === 1, 'a version that nobody asked for', 18),
    id, name: maybeName, features: uint64, codec: name, limits, token, nodes: list(node), identity: text,
  })],
  3: ['ABORT', struct(ending)],
  4: ['CHALLENGE', struct({ id, methods: only(list(name), (l) => l.length > 0, 'no methods'), binding: name, nonce })],
  5: ['AUTH', struct({ method: name, proof: payload })],
  6: ['CONNECT', routesFit, 'default', 'fresh', 'hidden'],
  7: ['CONNECTED', struct({ sender: uint, code, text, wanted: list(uint) })],
  8: ['DISCONNECT', struct({ sender: uint, ...ending }), 'yours'],
  9: ['SUBSCRIBE', struct(patterns), '', 'lossy'],
  10: ['UNSUBSCRIBE', struct(patterns)],
  11: ['REFUSED', struct({ about: only(u8, (n) => n === 9, 'about something else'), ...patterns, code, text })],
  12: ['WANT', more({ route: uint }, turn), 'on', 'lossy'],
  13: ['ROUTE', more({ route: uint, seq: positive(uint64) }, turn, period), 'begin', null],
  14: ['EVENT', struct({ route: uint, payload }), 'held'],
  15: ['LOST', struct({ route: uint, count: uint64, reason: positive(u8) })],
  16: ['CREDIT', struct({ route: uint, count: positive(uint) })],
  17: ['REQUEST', struct({ id: uint64, sender: uint, timeout_ms: uint64, method: name, payload })],
  18: ['REPLY', reply],
  19: ['CANCEL', struct({ id: uint64 })],
  20: ['PING', struct({ nonce: u64 })],
  21: ['PONG', struct({ nonce: u64 })],
  22: ['SYNC', struct({ id: uint64 })],
  23: ['SYNCED', struct({ id: uint64 })],
  24: ['GOODBYE', struct(ending)],
  25: ['NODES', struct({ added: list(node), removed: list(id) })],
  26: ['FRAGMENT', struct({ data: only(payload, (data) => data !== '', 'an empty piece') }), 'more'],
  27: ['NUMBERED', { ...more({ route: uint, seq: positive(uint64) }, period), last: { payload } }, 'held', null],
  28: ['LOSSY', struct({ events: only(list(uint), (l) => l.length > 0 && l.every((n, i) => i === 0 || n > l[i - 1]), 'not a rising list') })],
}
const numbers = Object.fromEntries(Object.entries(table).map(([number, [envelope]]) => [envelope, Number(number)]))

export function decode(frame) {
  const r = new Reader(frame)
  const first = r.u8()
  const row = table[first & 0x1f]
  if (!row) throw new Malformed(`type ${first & 0x1f}`)
  const [envelope, layout, ...flags] = row
  if (first >> 5 >> flags.length || flags.some((flag, i) => flag === '' && first & (0x20 << i))) throw new Malformed('an undefined flag')
  const fields = layout.read(r)
  flags.forEach((flag, i) => { if (flag) fields[flag] = (first & (0x20 << i)) !== 0 })
  for (const [flag, key, field] of layout.extra ?? []) fields[key] = first & flag ? field.read(r) : 0
  for (const [key, field] of Object.entries(layout.last ?? {})) fields[key] = field.read(r)
  if (envelope === 'WANT' && fields.lossy && !fields.on) throw new Malformed('lossy, and not wanted')
  if (r.left > 0) throw new Malformed('the frame goes on after its last field')
  return { envelope, fields }
}

export function encode(envelope, fields) {
  const number = numbers[envelope]
  const [, layout, ...flags] = table[number]
  const w = new Writer()
  let first = flags.reduce((first, flag, i) => first | (flag && fields[flag] ? 0x20 << i : 0), number)
  for (const [flag, key] of layout.extra ?? []) if (fields[key]) first |= flag // as 'on' and 'begin' have said of a turn
  w.u8(first)
  layout.write(w, fields)
  for (const [flag, key, field] of layout.extra ?? []) if (first & flag) field.write(w, fields[key])
  for (const [key, field] of Object.entries(layout.last ?? {})) field.write(w, fields[key])
  return Buffer.concat(w.parts)
}

/** The fields of a HELLO that asks for nothing special; give id and codecs. */
export const plainHello = {
  min_version: 1, max_version: 1, role: 0, name: '', features: '0',
  limits: { max_frame: 0, max_requests: 0, keepalive_ms: 0, window_events: 0, window_bytes: 0 },
  token: noToken, nodes: [],
}

/** A batch of frames, each with its length before it (section 3). */
export function batch(...frames) {
  return Buffer.concat(frames.flatMap((f) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(f.length)
    return [length, f]
  }))
}

/** The frames of a batch. */
export function* framesOf(message) {
  for (let at = 0; at < message.length;) {
    const end = at + 4 + message.readUInt32BE(at)
    if (end > message.length || end === at + 4) throw new Malformed('a message that is not of whole frames')
    yield message.subarray(at + 4, end)
    at = end
  }
}
