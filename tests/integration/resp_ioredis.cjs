// ioredis against the program.
const assert = require('node:assert');
const Redis = require('ioredis');

async function main(port) {
  const client = new Redis({port});
  assert.equal(await client.set('k', 'v'), 'OK');
  assert.equal(await client.get('k'), 'v');
  assert.equal(await client.set('k', 'w', 'EX', 100, 'NX'), null);
  assert.deepEqual(await client.mget('k', 'none'), ['v', null]);
  assert.equal(await client.incr('n'), 1);
  assert.equal(await client.hset('h', {a: '1', b: '2'}), 2);
  assert.deepEqual({...(await client.hgetall('h'))}, {a: '1', b: '2'});
  assert.deepEqual(await client.multi().set('a', 1).incr('a').get('a').exec(),
    [[null, 'OK'], [null, 2], [null, '2']]);
  const pipeline = client.pipeline();
  for (let i = 0; i < 200; ++i) pipeline.set(`key:${i}`, i).get(`key:${i}`);
  const replies = await pipeline.exec();
  assert.equal(replies.length, 400);
  assert.ok(replies.every(([error], i) => !error && (i % 2 === 0 || replies[i][1] === `${(i - 1) / 2}`)));
  const found = [];
  for await (const keys of client.scanStream({match: 'key:*', count: 30})) found.push(...keys);
  assert.equal(new Set(found).size, 200);
  const buffer = Buffer.from([0, 255, 13, 10]);
  await client.set('binary', buffer);
  assert.ok(buffer.equals(await client.getBuffer('binary')));
  await assert.rejects(client.incr('k'), /value is not an integer or out of range/);
  const listener = client.duplicate();
  await listener.subscribe('headrace:invalidations:user');
  const heard = new Promise((resolve) => listener.on('message', (_, text) => resolve(text)));
  assert.equal(await client.call('HR.INVALIDATE', 'user', '42'), 'everywhere');
  assert.deepEqual(JSON.parse(await heard), {entities: ['42']});
  assert.equal(await client.del('k', 'n'), 2);
  await listener.quit();
  assert.equal(await client.quit(), 'OK');
  console.log('ok');
}

main(Number(process.argv[2])).catch((error) => {
  console.error(error);
  process.exit(1);
});
