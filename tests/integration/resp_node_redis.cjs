// node-redis against the program, in both versions of the protocol.
const assert = require('node:assert');
const {createClient} = require('redis');

async function check(port, RESP) {
  const client = createClient({url: `redis://127.0.0.1:${port}`, RESP});
  client.on('error', (error) => {
    throw error;
  });
  await client.connect();
  await client.flushAll();
  assert.equal(await client.set('k', 'v', {EX: 100}), 'OK');
  assert.equal(await client.get('k'), 'v');
  assert.ok(await client.ttl('k') > 90);
  assert.equal(await client.get('none'), null);
  assert.equal(await client.incrBy('n', 5), 5);
  assert.equal(await client.hSet('h', {a: '1', b: '2'}), 2);
  assert.deepEqual({...(await client.hGetAll('h'))}, {a: '1', b: '2'});
  assert.deepEqual(await client.multi().set('a', '1').incr('a').exec(), ['OK', 2]);
  const values = await Promise.all(Array.from({length: 200}, async (_, i) => {
    await client.set(`key:${i}`, `${i}`);
    return client.get(`key:${i}`);
  }));
  assert.ok(values.every((value, i) => value === `${i}`));
  const found = new Set();
  for await (const keys of client.scanIterator({MATCH: 'key:*', COUNT: 30})) {
    for (const key of keys) found.add(key);
  }
  assert.equal(found.size, 200);
  const listener = client.duplicate();
  listener.on('error', (error) => {
    throw error;
  });
  await listener.connect();
  let hear;
  const heard = new Promise((resolve) => { hear = resolve; });
  await listener.pSubscribe('headrace:invalidations:*', (text) => hear(text));
  assert.equal(await client.sendCommand(['HR.INVALIDATE', 'user', '42']), 'everywhere');
  assert.deepEqual(JSON.parse(await heard), {entities: ['42']});
  await listener.close();
  await client.close();
}

async function main(port) {
  await check(port, 2);
  await check(port, 3);
  console.log('ok');
}

main(Number(process.argv[2])).catch((error) => {
  console.error(error);
  process.exit(1);
});
