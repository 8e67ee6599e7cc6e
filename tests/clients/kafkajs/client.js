// kafkajs against a broker: the phases of the harness.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const { parseArgs } = require('node:util')
const { setTimeout: sleep } = require('node:timers/promises')
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require('kafkajs')
const SnappyCodec = require('kafkajs-snappy')
const lz4 = require('lz4-napi')
const { ZstdCodec } = require('zstd-codec')

const PARTITIONS = 4
const PER_CODEC = 60
const STEP_LIMIT_MS = 30_000
const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => lz4.compressFrame(encoder.buffer),
  decompress: async buffer => lz4.decompressFrame(buffer),
})
const zstd = new Promise(resolve => ZstdCodec.run(module => resolve(new module.Streaming())))
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from((await zstd).compress(encoder.buffer)),
  decompress: async buffer => Buffer.from((await zstd).decompress(buffer)),
})

const { values: options } = parseArgs({
  options: {
    bootstrap: { type: 'string' },
    phase: { type: 'string' },
    acked: { type: 'string' },
    'kill-records': { type: 'string' },
  },
})
const count = Number(options['kill-records'])
const kafka = new Kafka({
  brokers: [options.bootstrap],
  logLevel: logLevel.ERROR,
  retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 60 },
})
const admin = kafka.admin()

// --- reporting ---------------------------------------------------------------------------------

const say = event => fs.writeSync(1, JSON.stringify(event) + '\n')

/** Runs a step and reports it; a failed step ends the program. */
async function check(name, step) {
  const began = Date.now()
  try {
    const result = await within(step(), `${name} within ${STEP_LIMIT_MS * 2} ms`)
    say({ check: name, ok: true, ms: Date.now() - began })
    return result
  } catch (error) {
    console.error(error)
    const detail = `${error.name}: ${error.message}`.slice(0, 800)
    say({ check: name, ok: false, ms: Date.now() - began, detail })
    process.exit(1)
  }
}

function within(promise, what) {
  const limit = sleep(STEP_LIMIT_MS * 2, null, { ref: false })
  return Promise.race([promise, limit.then(() => assert.fail(`not ${what}`))])
}

async function waitFor(what, condition) {
  const deadline = Date.now() + STEP_LIMIT_MS
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `waited in vain: ${what}`)
    await sleep(50)
  }
}

// --- steps -------------------------------------------------------------------------------------

async function create(topic) {
  assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] }), true)
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  assert.equal(topics[0].partitions.length, PARTITIONS)
}

async function produce(topic, messages, compression, settings = {}) {
  const producer = kafka.producer(settings)
  await producer.connect()
  const results = await producer.send({ topic, messages, compression, acks: -1 })
  await producer.disconnect()
  for (const result of results) assert.equal(result.errorCode, 0)
  assert.equal(results.length, new Set(results.map(result => result.partition)).size)
}

/** A group's member that collects what it reads and commits it if told to. */
class Member {
  constructor(group, commits) {
    this.read = []
    this.owned = []
    this.failure = null
    this.commits = commits
    this.consumer = kafka.consumer({
      groupId: group, sessionTimeout: 6000, heartbeatInterval: 300, maxWaitTimeInMs: 100,
    })
  }

  async start(topic) {
    const { GROUP_JOIN, CRASH } = this.consumer.events
    this.consumer.on(GROUP_JOIN, event => {
      this.owned = event.payload.memberAssignment[topic] ?? []
    })
    this.consumer.on(CRASH, event => {
      // A retriable crash is kafkajs's way of starting its consumer anew.
      if (!event.payload.restart) this.failure = event.payload.error
    })
    await this.consumer.connect()
    await this.consumer.subscribe({ topics: [topic], fromBeginning: true })
    await this.consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        this.read.push({ partition, ...message })
        if (this.commits) {
          const offset = (BigInt(message.offset) + 1n).toString()
          await this.consumer.commitOffsets([{ topic, partition, offset }])
        }
      },
    })
    return this
  }

  /** Waits for `wanted` messages, then a moment more to see that there are no others. */
  async take(wanted) {
    await waitFor(`${wanted} messages`, () => {
      if (this.failure) throw this.failure
      return this.read.length >= wanted
    })
    await sleep(400)
    assert.equal(this.read.length, wanted, 'messages read')
    return this.read.splice(0)
  }

  stop() {
    return this.consumer.disconnect()
  }
}

let groups = 0

async function readAll(topic, wanted, starts = {}) {
  const group = `read-${process.pid}-${groups++}`
  const member = await new Member(group, false).start(topic)
  for (const [partition, offset] of Object.entries(starts)) {
    member.consumer.seek({ topic, partition: Number(partition), offset: String(offset) })
  }
  const read = await member.take(wanted)
  await member.stop()
  return read
}

function messagesFor(codec, base, first) {
  return Array.from({ length: PER_CODEC }, (_, i) => ({
    key: `key-${i % 10}`,
    value: `${codec}-${i}-${'x'.repeat(i * 7)}`,
    headers: { codec, n: String(i) },
    timestamp: String(base + (first + i) * 1000),
  }))
}

const plain = (first, length) => Array.from({ length }, (_, i) => (
  { key: `key-${(first + i) % 16}`, value: String(first + i) }))

const range = (first, end) => Array.from({ length: end - first }, (_, i) => first + i)

const numbers = read => read.map(message => Number(message.value)).sort((a, b) => a - b)

/** Every key's records in the order of the list. */
function byKey(messages) {
  const keys = {}
  for (const { key, value, headers, timestamp } of messages) {
    const pairs = Object.entries(headers).map(([name, text]) => `${name}=${text}`).join()
    ;(keys[key] ??= []).push(`${timestamp} ${value} ${pairs}`)
  }
  return keys
}

// --- phases ------------------------------------------------------------------------------------

async function basic() {
  const topic = `basic-${Date.now()}`
  const base = Date.now() - 3_600_000
  const sent = []
  await check('create topic', () => create(topic))
  for (const [codec, type] of Object.entries(CODECS)) {
    const messages = messagesFor(codec, base, sent.length)
    sent.push(...messages)
    await check(`produce ${codec}`, () => produce(topic, messages, type))
  }
  const last = messagesFor('idempotent', base, sent.length)
  sent.push(...last)
  await check('produce idempotent', () => produce(
    topic, last, CompressionTypes.None, { idempotent: true, maxInFlightRequests: 1 }))
  const read = await check('consume and compare', async () => {
    const got = await readAll(topic, sent.length)
    assert.deepEqual(byKey(got), byKey(sent))
    for (const partition of range(0, PARTITIONS)) {
      const offsets = got.filter(m => m.partition === partition).map(m => Number(m.offset))
      assert.deepEqual(offsets, range(0, offsets.length), `offsets of ${partition}`)
    }
    return got
  })
  await check('seek by time', () => seekByTime(topic, read, base))
  await check('delete records', () => deleteRecords(topic, read))
  await check('delete topic', async () => {
    await admin.deleteTopics({ topics: [topic], timeout: STEP_LIMIT_MS })
    await waitFor('the topic is gone', async () => !(await admin.listTopics()).includes(topic))
  })
}

async function seekByTime(topic, read, base) {
  const middle = base + PER_CODEC * Object.keys(CODECS).length * 500
  const late = read.filter(message => Number(message.timestamp) >= middle)
  const found = await admin.fetchTopicOffsetsByTimestamp(topic, middle)
  const starts = {}
  for (const { partition, offset } of found) {
    const offsets = late.filter(m => m.partition === partition).map(m => Number(m.offset))
    assert.equal(Number(offset), Math.min(...offsets), `offset of partition ${partition}`)
    starts[partition] = offset
  }
  assert.equal(found.length, PARTITIONS)
  assert.deepEqual(byKey(await readAll(topic, late.length, starts)), byKey(late))
}

async function deleteRecords(topic, read) {
  const target = read[0].partition
  const before = Math.floor(read.filter(m => m.partition === target).length / 2)
  const partitions = [{ partition: target, offset: String(before) }]
  await admin.deleteTopicRecords({ topic, partitions })
  const offsets = await admin.fetchTopicOffsets(topic)
  assert.equal(offsets.find(o => o.partition === target).low, String(before))
  const left = read.filter(m => m.partition !== target || Number(m.offset) >= before)
  assert.deepEqual(byKey(await readAll(topic, left.length)), byKey(left))
}

async function group() {
  const topic = `group-${Date.now()}`
  const name = `g-${Date.now()}`
  await create(topic)
  await produce(topic, plain(0, 200))
  const one = new Member(name, true)
  const two = new Member(name, true)
  await check('group of two', async () => {
    await Promise.all([one.start(topic), two.start(topic)])
    await waitFor('two partitions each and 200 records', () => {
      if (one.failure ?? two.failure) throw one.failure ?? two.failure
      const read = new Set([...numbers(one.read), ...numbers(two.read)])
      return one.owned.length === 2 && two.owned.length === 2 && read.size === 200
    })
    assert.deepEqual([...one.owned, ...two.owned].sort(), range(0, PARTITIONS))
  })
  await check('member leaves', async () => {
    await two.stop()
    await waitFor('all partitions', () => one.owned.length === PARTITIONS)
    one.read.splice(0)
    await produce(topic, plain(200, 80))
    assert.deepEqual(numbers(await one.take(80)), range(200, 280))
  })
  await check('commit and resume', async () => {
    await one.stop()
    await produce(topic, plain(280, 40))
    const again = await new Member(name, true).start(topic)
    assert.deepEqual(numbers(await again.take(40)), range(280, 320))
    await again.stop()
  })
}

async function killProducer() {
  await create('kill')
  await check('produce through kill -9', async () => {
    const file = fs.openSync(options.acked, 'w')
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    let acked = 0
    for (let first = 0; first < count; first += 10) {
      const messages = plain(first, 10)
      const results = await producer.send({ topic: 'kill', messages, acks: -1 })
      for (const result of results) assert.equal(result.errorCode, 0)
      for (const { key, value } of messages) fs.writeSync(file, `${key} ${value}\n`)
      acked += messages.length
      say({ acked })
      await sleep(5)
    }
    await producer.disconnect()
    fs.closeSync(file)
    assert.equal(acked, count)
  })
}

async function verify() {
  const read = await check('acknowledged records are there', async () => {
    const offsets = await admin.fetchTopicOffsets('kill')
    const got = await readAll('kill', offsets.reduce((sum, o) => sum + Number(o.high), 0))
    const found = new Set(got.map(message => `${message.key} ${message.value}`))
    const lines = fs.readFileSync(options.acked, 'utf8').trimEnd().split('\n')
    assert.equal(lines.length, count)
    assert.deepEqual(lines.filter(line => !found.has(line)), [], 'lost records')
    return got
  })
  await check('order is kept', async () => {
    const last = {}
    for (const { key, value } of read) {
      assert.ok((last[key] ?? -1) <= Number(value), `${key}: ${last[key]} before ${value}`)
      last[key] = Number(value)
    }
  })
  await check('each record once', async () => assert.deepEqual(numbers(read), range(0, count)))
}

async function main() {
  const phases = { basic, group, 'kill-producer': killProducer, verify }
  assert.ok(phases[options.phase], `unknown phase ${options.phase}`)
  await admin.connect()
  await phases[options.phase]()
  await admin.disconnect()
  process.exit(0)
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
