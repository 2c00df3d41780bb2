// A gosig client for one sender and its subscriptions, as docs/protocol.md
// describes the smallest one (section 15) with what it takes to subscribe, to
// answer and to ask.

import { randomBytes } from 'node:crypto'
import { batch, decode, encode, framesOf, plainHello } from './wire.mjs'

const json = (value) => Buffer.from(JSON.stringify(value)).toString('hex')
const parse = (payload) => JSON.parse(Buffer.from(payload, 'hex').toString())

export class Client {
  welcome = null
  heard = [] // {sender, event, number, data} in the order of arrival
  lost = 0
  #ws
  #methods
  #senders = new Map() // the server's, by its numbers
  #routes = new Map() // {sender, event, expected} by the server's numbers
  #mine = null // {name, events, wanted} once it is connected
  #waiting = new Map() // what waits for an answer, by "ENVELOPE id"
  #changed = [] // what waits for anything to change
  #next = 1

  constructor(ws, methods = {}) {
    this.#ws = ws
    this.#methods = methods
  }

  /** Says hello and returns WELCOME's fields. */
  async open(name) {
    this.#send('HELLO', { ...plainHello, id: randomBytes(16).toString('hex'), name, codecs: ['json'] })
    const message = await this.#ws.receive()
    const [frame] = framesOf(message ?? Buffer.alloc(0))
    const { envelope, fields } = decode(frame)
    if (envelope !== 'WELCOME') throw new Error(`${envelope} ${JSON.stringify(fields)}`)
    this.welcome = fields
    this.ended = this.#receive([...framesOf(message)].slice(1))
    return fields
  }

  /** Subscribes, and returns once the subscription is in force. */
  subscribe(sender, event) {
    this.#send('SUBSCRIBE', { sender, event })
    return this.sync()
  }

  sync() {
    const id = String(this.#next++)
    this.#send('SYNC', { id })
    return this.#answer(`SYNCED ${id}`)
  }

  /** Connects the one sender of this client. */
  async connect(name, events, requests) {
    this.#mine = { name, events, wanted: new Set(), count: events.map(() => 0) }
    this.#send('CONNECT', { default: false, fresh: true, sender: 0, route: 0, epoch: String(Date.now()), name, events, requests })
    const { code, text, wanted } = await this.#answer('CONNECTED 0')
    if (code !== 0) throw new Error(`${name}: ${text} (${code})`)
    for (const index of wanted) this.#mine.wanted.add(events[index])
  }

  wants(event) { return this.#mine.wanted.has(event) }

  /** Emits an event. Of events that nobody wants only the number counts. */
  emit(event, data) {
    const route = this.#mine.events.indexOf(event)
    this.#mine.count[route]++
    if (this.wants(event)) this.#send('EVENT', { route, held: false, payload: json(data) })
  }

  /** Asks a sender's method. */
  async request(sender, method, data) {
    const [number] = [...this.#senders].find(([, s]) => s.name === sender) ?? []
    if (number === undefined) throw new Error(`${sender} is not connected`)
    const id = String(this.#next++)
    this.#send('REQUEST', { id, sender: number, timeout_ms: '10000', method, payload: json(data) })
    const reply = await this.#answer(`REPLY ${id}`)
    if (reply.code !== 0) throw new Error(`${reply.text} (${reply.code})`)
    return parse(reply.payload)
  }

  /** Returns once the condition holds. */
  async until(condition) {
    while (!condition()) await new Promise((resolve) => this.#changed.push(resolve))
  }

  hasSender(name) { return [...this.#senders.values()].some((s) => s.name === name) }

  /** Says goodbye and waits for the other side's. */
  async close() {
    this.#send('GOODBYE', { code: 0, reason: 'done' })
    await this.ended
  }

  #send(envelope, fields) { this.#ws.send(batch(encode(envelope, fields))) }

  #answer(key) { return new Promise((resolve) => this.#waiting.set(key, resolve)) }

  #resolve(key, fields) {
    this.#waiting.get(key)?.(fields)
    this.#waiting.delete(key)
  }

  async #receive(frames) {
    for (let message; ; frames = framesOf(message)) {
      for (const frame of frames) {
        const { envelope, fields } = decode(frame)
        this.#take(envelope, fields)
        for (const resolve of this.#changed.splice(0)) resolve()
        if (envelope === 'GOODBYE' || envelope === 'ABORT') {
          this.#ws.close()
          return fields
        }
      }
      message = await this.#ws.receive()
      if (message === null) return { code: 8, reason: 'the connection was closed' }
    }
  }

  // want notes that an event is wanted, or no more, and says where its numbers
  // stand.
  #want({ route, on, turn }) {
    const event = this.#mine.events[route]
    if (!on) {
      this.#mine.wanted.delete(event)
      return
    }
    this.#mine.wanted.add(event)
    this.#send('ROUTE', { begin: true, route, seq: String(this.#mine.count[route] + 1), turn })
  }

  #take(envelope, fields) {
    switch (envelope) {
      case 'CONNECT':
        this.#senders.set(fields.sender, fields)
        fields.events.forEach((event, i) => this.#routes.set(fields.route + i, { sender: fields.name, event, expected: fields.fresh ? 1 : undefined }))
        return
      case 'DISCONNECT': {
        const sender = this.#senders.get(fields.sender)
        this.#senders.delete(fields.sender)
        sender.events.forEach((_, i) => this.#routes.delete(sender.route + i))
        return
      }
      case 'ROUTE': {
        const route = this.#routes.get(fields.route)
        const seq = Number(fields.seq)
        if (seq < route.expected) return // it crossed what has come meanwhile
        if (route.expected && !fields.begin) this.lost += seq - route.expected
        route.expected = seq
        return
      }
      case 'EVENT': {
        const route = this.#routes.get(fields.route)
        this.heard.push({ sender: route.sender, event: route.event, number: route.expected++, data: parse(fields.payload) })
        return
      }
      case 'LOST':
        this.#routes.get(fields.route).expected += Number(fields.count)
        this.lost += Number(fields.count)
        return
      case 'REQUEST': {
        const method = this.#methods[fields.method]
        const none = { id: fields.id, code: 2, app: '0', text: `no ${fields.method}` }
        this.#send('REPLY', method ? { id: fields.id, code: 0, payload: json(method(parse(fields.payload))) } : none)
        return
      }
      case 'WANT': return this.#want(fields)
      case 'PING': return this.#send('PONG', fields)
      case 'SYNC': return this.#send('SYNCED', fields)
      case 'CONNECTED': return this.#resolve(`CONNECTED ${fields.sender}`, fields)
      case 'SYNCED': return this.#resolve(`SYNCED ${fields.id}`, fields)
      case 'REPLY': return this.#resolve(`REPLY ${fields.id}`, fields)
    }
  }
}
