// Exchanges events and requests with a router, in step with a program on its
// other side that has a sender "desk", which emits "note" and answers "add",
// subscribes to "page" and calls its method "double":
//
//   node exchange.mjs ws://127.0.0.1:7440/gosig
//
// Each line of output is a step that has been done.

import assert from 'node:assert/strict'
import { Client } from './client.mjs'
import { builtIn, connect } from './websocket.mjs'

const url = process.argv[2]

await assert.rejects(connect(url, { Origin: 'https://elsewhere.example' }), /refused with 403/)
console.log('a foreign origin is refused')

const clients = [['own', connect]]
if (globalThis.WebSocket) clients.push(['built-in', builtIn])
for (const [which, dial] of clients) {
  const client = new Client(await dial(url), { double: (n) => 2 * n, large: (n) => 'x'.repeat(n) })
  const welcome = await client.open('page')
  assert.equal(welcome.codec, 'json')
  console.log(`${which}: welcome`)

  await client.subscribe('desk', 'note')
  await client.connect('page', ['clicked', 'ignored'], ['double', 'large'])
  console.log(`${which}: subscribed and connected`)

  await client.until(() => client.wants('clicked') && client.hasSender('desk'))
  assert(!client.wants('ignored'))
  for (let n = 1; n <= 100; n++) {
    client.emit('clicked', { n })
    client.emit('ignored', n)
  }
  await client.until(() => client.heard.length === 100)
  assert.deepEqual(client.heard, Array.from({ length: 100 }, (_, i) => ({ sender: 'desk', event: 'note', number: i + 1, data: `note ${i + 1}` })))
  assert.equal(client.lost, 0)
  console.log(`${which}: 100 events each way`)

  await assert.rejects(client.request('desk', 'subtract', [1, 1]), /\(2\)/)
  assert.equal(await client.request('desk', 'add', [20, 22]), 42)
  console.log(`${which}: asked`)

  await client.until(() => !client.hasSender('desk')) // it leaves when it has its answers
  await client.close()
  console.log(`${which}: goodbye`)
}
