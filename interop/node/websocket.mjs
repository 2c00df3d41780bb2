// A WebSocket client for Node versions that have none of their own (before 22),
// as much of RFC 6455 as a gosig client needs: binary messages, whole or in
// fragments, pings, and the end.
//
//   const ws = await connect('ws://127.0.0.1:7440/gosig')   // or builtIn(url)
//   ws.send(bytes)
//   const message = await ws.receive()                      // null: closed
//   ws.close()

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'

const subprotocol = 'gosig.v1'
const [continuation, binary, close, ping, pong] = [0, 2, 8, 9, 10]

/** Connects with the client of this file. headers are sent along. */
export function connect(url, headers = {}) {
  const key = randomBytes(16).toString('base64')
  const accept = createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
  return new Promise((resolve, reject) => {
    const req = request(url.replace(/^ws:/, 'http:'), {
      headers: {
        ...headers,
        Connection: 'Upgrade', Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key, 'Sec-WebSocket-Protocol': subprotocol,
      },
    })
    req.on('error', reject)
    req.on('response', (res) => {
      res.resume()
      reject(new Error(`refused with ${res.statusCode}`))
    })
    req.on('upgrade', (res, socket, head) => {
      assert.equal(res.headers['sec-websocket-accept'], accept)
      assert.equal(res.headers['sec-websocket-protocol'], subprotocol)
      assert.equal(res.headers['sec-websocket-extensions'], undefined)
      resolve(new Socket(socket, head))
    })
    req.end()
  })
}

/** Connects with the client that Node has from version 22 on. */
export function builtIn(url) {
  const inbox = new Inbox()
  const ws = new WebSocket(url, subprotocol)
  ws.binaryType = 'arraybuffer'
  ws.onmessage = (event) => inbox.put(Buffer.from(event.data))
  ws.onclose = () => inbox.end()
  return new Promise((resolve, reject) => {
    ws.onerror = () => reject(new Error('refused'))
    ws.onopen = () => resolve({
      send: (bytes) => ws.send(bytes),
      receive: () => inbox.take(),
      close: () => ws.close(),
    })
  })
}

/** Messages that have come, and whoever waits for one. */
class Inbox {
  #messages = []
  #waiting = []
  #ended = false
  put(message) {
    const waiting = this.#waiting.shift()
    if (waiting) waiting(message)
    else this.#messages.push(message)
  }
  end() {
    this.#ended = true
    for (const waiting of this.#waiting.splice(0)) waiting(null)
  }
  take() {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift())
    if (this.#ended) return Promise.resolve(null)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

class Socket {
  #socket
  #inbox = new Inbox()
  #received
  #fragments = []
  constructor(socket, head) {
    this.#socket = socket
    this.#received = head
    socket.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data])
      this.#take()
    })
    socket.on('end', () => this.#end())
    socket.on('close', () => this.#end())
    socket.on('error', () => this.#end())
    this.#take()
  }
  send(bytes) { this.#write(binary, bytes) }
  receive() { return this.#inbox.take() }
  close() {
    this.#write(close, Buffer.of(0x03, 0xe8)) // 1000, normal
    this.#socket.end()
  }
  #end() {
    this.#inbox.end()
    this.#socket.destroy()
  }
  // write sends one frame, masked as a client's must be.
  #write(opcode, payload) {
    const long = payload.length > 0xffff ? 8 : payload.length > 125 ? 2 : 0
    const head = Buffer.alloc(2 + long + 4)
    head[0] = 0x80 | opcode
    head[1] = 0x80 | (long === 8 ? 127 : long === 2 ? 126 : payload.length)
    if (long === 8) head.writeBigUInt64BE(BigInt(payload.length), 2)
    if (long === 2) head.writeUInt16BE(payload.length, 2)
    const mask = randomBytes(4)
    mask.copy(head, 2 + long)
    this.#socket.write(Buffer.concat([head, payload.map((byte, i) => byte ^ mask[i % 4])]))
  }
  // take takes all whole frames out of what was received.
  #take() {
    for (let frame; (frame = this.#frame()); ) {
      const { opcode, final, payload } = frame
      if (opcode === close) return this.#end()
      if (opcode === ping) { this.#write(pong, payload); continue }
      if (opcode === pong) continue
      assert(opcode === binary || opcode === continuation, `opcode ${opcode}`)
      this.#fragments.push(payload)
      if (final) this.#inbox.put(Buffer.concat(this.#fragments.splice(0)))
    }
  }
  #frame() {
    const b = this.#received
    if (b.length < 2) return null
    const short = b[1]
    assert(short < 128, 'a server does not mask')
    const long = short === 127 ? 8 : short === 126 ? 2 : 0
    if (b.length < 2 + long) return null
    const size = long === 8 ? Number(b.readBigUInt64BE(2)) : long === 2 ? b.readUInt16BE(2) : short
    const end = 2 + long + size
    if (b.length < end) return null
    this.#received = b.subarray(end)
    return { opcode: b[0] & 0x0f, final: (b[0] & 0x80) !== 0, payload: Buffer.from(b.subarray(2 + long, end)) }
  }
}
