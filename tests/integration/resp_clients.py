"""redis-py against the program: every command of docs/resp.md, in both versions of the protocol."""

import json
import sys
import threading
import time

import redis


def strings(client):
    assert client.set("k", "v") is True
    assert client.get("k") == b"v"
    assert client.set("k", "w", nx=True) is None
    assert client.set("k", "w", xx=True, get=True) == b"v"
    assert client.set("t", "v", ex=100) and 90 < client.ttl("t") <= 100
    assert client.set("t", "w", keepttl=True) and client.ttl("t") > 0
    assert client.setex("t", 50, "v") and client.psetex("t", 50_000, "v")
    assert client.setnx("k", "x") is False and client.getset("k", "x") == b"w"
    assert client.getex("k", ex=10) == b"x" and client.ttl("k") > 0
    assert client.getdel("k") == b"x" and client.get("k") is None
    assert client.mset({"a": 1, "b": 2}) and client.mget("a", "b", "c") == [b"1", b"2", None]
    assert client.msetnx({"c": 1, "a": 9}) is False
    assert client.append("s", "Hello") == 5 and client.strlen("s") == 5
    assert client.getrange("s", 1, 2) == b"el" and client.setrange("s", 0, "J") == 5
    assert client.substr("s", 0, 0) == b"J"
    assert client.incr("n", 5) == 5 and client.decr("n", 2) == 3
    assert client.incrbyfloat("n", 0.5) == 3.5
    binary = bytes(range(256))
    assert client.set(b"\x00\xff", binary) and client.get(b"\x00\xff") == binary


def keys(client):
    client.flushdb()
    client.mset({f"key:{i}": i for i in range(500)})
    assert client.dbsize() == 500
    assert sorted(client.scan_iter("key:1*", count=50)) == sorted(client.keys("key:1*"))
    assert client.exists("key:1", "key:2", "none") == 2
    assert client.type("key:1") == b"string" and client.randomkey().startswith(b"key:")
    assert client.touch("key:1") == 1 and client.copy("key:1", "copy")
    assert client.rename("copy", "moved") and not client.renamenx("moved", "key:1")
    assert client.expire("moved", 100) and not client.expire("moved", 200, nx=True)
    assert client.pexpire("moved", 90_000) and 80 < client.ttl("moved") <= 90
    moment = int(time.time()) + 1000
    assert client.expireat("moved", moment) and client.expiretime("moved") == moment
    assert client.pexpireat("moved", moment * 1000) and client.pexpiretime("moved") == moment * 1000
    assert client.persist("moved") and client.ttl("moved") == -1 and client.pttl("none") == -2
    assert client.object("encoding", "key:1") == b"int"
    assert client.object("refcount", "key:1") == 1 and client.object("idletime", "key:1") == 0
    assert client.memory_usage("key:1") > 0
    assert client.delete("key:1", "key:2") == 2 and client.unlink("key:3") == 1
    assert client.flushall() and client.dbsize() == 0


def hashes(client):
    assert client.hset("h", mapping={"a": 1, "b": 2}) == 2
    assert client.hget("h", "a") == b"1" and client.hgetall("h") == {b"a": b"1", b"b": b"2"}
    assert client.hmget("h", "a", "z") == [b"1", None] and client.hlen("h") == 2
    assert client.hkeys("h") == [b"a", b"b"] and client.hvals("h") == [b"1", b"2"]
    assert client.hexists("h", "a") and not client.hsetnx("h", "a", 9)
    assert client.hincrby("h", "a", 4) == 5 and client.hincrbyfloat("h", "a", 0.5) == 5.5
    assert client.hstrlen("h", "a") == 3 and dict(client.hscan_iter("h"))[b"b"] == b"2"
    assert client.hdel("h", "a", "b") == 2 and not client.exists("h")


def transactions(client):
    with client.pipeline() as pipe:
        assert pipe.set("p", 1).incr("p").get("p").execute() == [True, 2, b"2"]
    with client.pipeline(transaction=False) as pipe:
        for i in range(100):
            pipe.set(f"p{i}", i).get(f"p{i}")
        assert pipe.execute()[1::2] == [b"%d" % i for i in range(100)]
    with client.pipeline() as pipe:
        pipe.watch("p")
        client.set("p", "other")
        pipe.multi()
        pipe.set("p", "mine")
        try:
            pipe.execute()
            raise AssertionError("what was watched had changed")
        except redis.WatchError:
            pass
    client.set("count", 0)

    def count():
        for _ in range(20):
            client.transaction(lambda pipe: add(pipe), "count")

    def add(pipe):
        value = int(pipe.get("count"))
        pipe.multi()
        pipe.set("count", value + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert client.get("count") == b"80", client.get("count")


def server(client):
    assert client.ping() and client.echo("x") == b"x" and client.info()["redis_version"]
    assert client.info("server")["headrace_version"]
    assert client.client_setname("me") and client.client_getname() in ("me", b"me")
    assert client.client_id() > 0 and client.client_list() and client.client_info()["db"] == 0
    assert client.client_no_evict("on") and client.client_kill_filter(_id="999999") == 0
    assert client.config_get("save") == {"save": ""} and client.config_set("appendonly", "no")
    assert client.config_resetstat() and client.time()[0] > 0
    assert client.command_count() > 50 and "get" in client.command()
    assert client.command_getkeys("MSET", "a", 1, "b", 2) in ([b"a", b"b"], ["a", "b"])
    assert client.slowlog_get() == [] and client.slowlog_len() == 0 and client.slowlog_reset()
    assert client.latency_latest() == [] and client.module_list() == []
    assert client.acl_whoami() and client.acl_cat()
    try:
        client.execute_command("NO.SUCH", "a")
        raise AssertionError("there is no such command")
    except redis.ResponseError as error:
        assert str(error) == "unknown command 'NO.SUCH', with args beginning with: 'a' ", error


def channels(client):
    listener = client.pubsub()
    listener.psubscribe("headrace:*")
    assert listener.get_message(timeout=20)["type"] == "psubscribe"
    assert client.execute_command("HR.INVALIDATE", "user", "42") in (b"everywhere", "everywhere")
    message = listener.get_message(timeout=20)
    assert json.loads(message["data"]) == {"keys": [{"policy": "user", "entity": "42"}]}, message
    listener.close()


def main(port):
    for version in (2, 3):
        client = redis.Redis(port=port, protocol=version)
        for part in (strings, keys, hashes, transactions, server, channels):
            part(client)
        client.flushall()
        client.close()
    print("ok")


main(int(sys.argv[1]))
