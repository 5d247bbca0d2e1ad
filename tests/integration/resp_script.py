"""What is said to Redis and to Headrace alike, command by command.

Each line is a command as a shell would read it; between the parts both servers are emptied.
"""

import itertools
import shlex

STRINGS = """
GET k
SET k v
GET k
get k
SET k "two words"
GET k
SET k ""
GET k
STRLEN k
STRLEN none
SET k v NX
SET n v NX
SET n w XX
SET none w XX
SET k x GET
SET none2 x GET
SET k x NX GET
SET k 1 EX 100
TTL k
SET k 2 KEEPTTL
TTL k
SET k 3
TTL k
SET k v EX 0
SET k v EX -1
SET k v PX 0
SET k v EX abc
SET k v EX 9223372036854775807
SET k v PX 9223372036854775807
SET k v EXAT 0
SET k v PXAT 1
GET k
SETEX k 100 v
TTL k
SETEX k 0 v
SETEX k -5 v
SETEX k abc v
PSETEX k 100000 v
TTL k
PSETEX k 0 v
SETNX k other
SETNX fresh other
GETSET k new
GETSET none3 new
GETDEL k
GETDEL k
GETEX fresh
GETEX fresh EX 100
TTL fresh
GETEX fresh PERSIST
TTL fresh
GETEX fresh EX 0
GETEX fresh EX 10 PX 10
GETEX fresh PERSIST EX 10
GETEX fresh BOGUS
GETEX fresh PXAT 1
GETEX fresh

MSET a 1 b 2 c 3
MGET a b c d
MGET a a
MSET a 1 b
MSET a 9 a 10
GET a
MSETNX a 1 z 2
MSETNX y 1 z 2
MSETNX y 1 z
EXISTS z
APPEND s Hello
APPEND s " World"
GET s
APPEND a 5
GET a
GETRANGE s 0 4
GETRANGE s -5 -1
GETRANGE s 0 -1
GETRANGE s 5 3
GETRANGE s -1 -5
GETRANGE s 100 200
GETRANGE s -100 3
GETRANGE none 0 -1
GETRANGE s x 1
SUBSTR s 0 2
SETRANGE s 6 Redis
GET s
SETRANGE pad 5 x
GET pad
SETRANGE s -1 x
SETRANGE none 0 ""
EXISTS none
SETRANGE s 0 ""
SETRANGE s 9223372036854775807 x
SETRANGE s abc x

INCR n
INCR n
DECR n
INCRBY n 10
DECRBY n 5
INCRBY n abc
INCRBY n 1.5
INCRBY n 9223372036854775807
DECRBY n -9223372036854775808
SET n 9223372036854775807
INCR n
SET n -9223372036854775808
DECR n
SET n " 1"
INCR n
SET n 01
INCR n
SET n abc
INCR n
SET f 10.5
INCRBYFLOAT f 0.1
INCRBYFLOAT f -5
INCRBYFLOAT f 5.0e3
INCRBYFLOAT f abc
INCRBYFLOAT f inf
INCRBYFLOAT f nan
INCRBYFLOAT new 3.0
SET f 3.0e3
INCRBYFLOAT f 200
SET f 1
INCRBYFLOAT f 1.23
INCRBYFLOAT f -1.23
INCRBYFLOAT f 0.00000000000000001
"""

KEYS = """
MSET a 1 b 2 c 3
EXISTS a b c d a
DEL a b nothing
UNLINK c c
DEL c
SET a 1
TYPE a
HSET h f v
TYPE h
TYPE none
TOUCH a h none
RENAME a b
RENAME a b
GET b
RENAME b b
RENAMENX b h
RENAMENX b b2
RENAMENX none x
COPY b2 b3
COPY b2 b3
COPY b2 b3 REPLACE
COPY b2 b2
COPY none x
COPY b2 b4 DB 0
COPY b2 b5 DB 100
COPY b2 b5 DB abc
COPY b2 b5 BOGUS
HGETALL h
COPY h h2
HGETALL h2
DBSIZE
RANDOMKEY none
SELECT 0
SELECT abc
SELECT 100
FLUSHDB BOGUS
FLUSHDB ASYNC
DBSIZE
RANDOMKEY

SET k v
EXPIRE k 100
TTL k
EXPIRE k 100 NX
EXPIRE k 200 XX
TTL k
EXPIRE k 100 GT
EXPIRE k 300 GT
TTL k
EXPIRE k 400 LT
EXPIRE k 50 LT
TTL k
EXPIRE k 10 NX XX
EXPIRE k 10 NX GT
EXPIRE k 10 GT LT
EXPIRE k 10 XX GT
EXPIRE k 10 BOGUS
EXPIRE k abc
EXPIRE k 9223372036854775807
EXPIRE k -9223372036854775808
EXISTS k
SET k v
PEXPIRE k 9223372036854775807
PEXPIRE k -9223372036854775808
SET k v
EXPIRE k 0
EXISTS k
SET k v
EXPIRE k -1
EXISTS k
SET k v
EXPIRE k 100 GT
EXPIRE k 100 LT
TTL k
PERSIST k
PERSIST k
PERSIST none
TTL k
PTTL k
TTL none
PTTL none
EXPIRETIME none
EXPIRETIME k
PEXPIRETIME k
EXPIREAT k 33177117420
EXPIRETIME k
PEXPIRETIME k
PEXPIREAT k 33177117420123
PEXPIRETIME k
EXPIRETIME k
EXPIREAT k 1
EXISTS k
EXPIRE none 100

MSET key1 a key2 b other c
KEYS key[1]
KEYS *1
KEYS [o]*
KEYS nothing*
SCAN 0 MATCH other COUNT 100
SCAN 0 MATCH key1 COUNT 1000 TYPE string
SCAN 0 COUNT 1000 TYPE hash
SCAN 0 COUNT 1000 TYPE bogus MATCH key1
SCAN abc
SCAN 0 COUNT 0
SCAN 0 COUNT -1
SCAN 0 COUNT abc
SCAN 0 MATCH
SCAN 0 BOGUS 1
OBJECT ENCODING key1
SET n 12345
OBJECT ENCODING n
SET long aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeee
OBJECT ENCODING long
OBJECT REFCOUNT key1
OBJECT IDLETIME key1
OBJECT FREQ key1
OBJECT ENCODING none
OBJECT REFCOUNT none
OBJECT FREQ none
OBJECT BOGUS key1
OBJECT
MEMORY USAGE none
MEMORY BOGUS
"""

HASHES = """
HSET h a 1 b 2
HSET h a 3 c 4
HSET h a
HSET h
HGET h a
HGET h z
HGET none a
HGETALL h
HGETALL none
HMSET h d 5 e 6
HMSET h d
HMSET h d 5 e
HMGET h a z d
HMGET none a b
HKEYS h
HVALS h
HKEYS none
HVALS none
HLEN h
HLEN none
HSTRLEN h a
HSTRLEN h z
HSTRLEN none a
HEXISTS h a
HEXISTS h z
HEXISTS none a
HSETNX h a 9
HSETNX h f 9
HDEL h a z
HDEL h a
HDEL none a
HINCRBY h n 5
HINCRBY h n -10
HINCRBY h n abc
HINCRBY h s 1
HSET h s text
HINCRBY h s 1
HSET h big 9223372036854775807
HINCRBY h big 1
HINCRBYFLOAT h fl 1.5
HINCRBYFLOAT h fl 0.1
HINCRBYFLOAT h fl abc
HINCRBYFLOAT h s 1
HINCRBYFLOAT h fl inf
HSCAN h 0
HSCAN h 0 MATCH s*
HSCAN h 0 COUNT 1 MATCH n
HSCAN h abc
HSCAN h 0 COUNT 0
HSCAN h 0 BOGUS
HSCAN none 0
OBJECT ENCODING h
HSET one f v
HDEL one f
EXISTS one
EXPIRE h 100
HSET h a 1
TTL h
"""

TRANSACTIONS = """
MULTI
SET a 1
INCR a
GET a
EXEC
MULTI
MULTI
DISCARD
EXEC
DISCARD
MULTI
SET a
GET a
EXEC
MULTI
BOGUS
EXEC
MULTI
SET s text
INCR s
GET s
EXEC
GET s
WATCH a
SET a 5
MULTI
SET a 6
EXEC
GET a
WATCH a
MULTI
SET a 7
EXEC
GET a
WATCH a
SET a 8
UNWATCH
MULTI
SET a 9
EXEC
MULTI
WATCH a
EXEC
WATCH none
MULTI
PING
ECHO hello
SELECT 0
EXEC
WATCH none
SET none 1
MULTI
GET none
EXEC
MULTI
EXEC
"""

CONNECTION = """
PING
PING hello
PING a b
ECHO hello
ECHO
CLIENT GETNAME
CLIENT SETNAME me
CLIENT GETNAME
CLIENT SETNAME "a b"
CLIENT BOGUS
CLIENT
CLIENT ID x
CLIENT REPLY BOGUS
CLIENT NO-EVICT on
CLIENT NO-EVICT maybe
CLIENT UNBLOCK 123456
CLIENT UNBLOCK abc
CLIENT GETREDIR
CLIENT KILL ID 99999999
CLIENT KILL ID 0
CLIENT KILL 1.2.3.4:5
CLIENT KILL TYPE bogus
CLIENT KILL BOGUS 1
CLIENT LIST TYPE bogus
CLIENT LIST TYPE master
CLIENT LIST ID abc
CLIENT LIST BOGUS
AUTH a b c
HELLO abc
HELLO 9
HELLO 3 BOGUS
HELLO 3 SETNAME "a b"
CONFIG
CONFIG BOGUS
CONFIG GET
CONFIG GET nothing-like-this
CONFIG SET nothing-like-this 1
CONFIG RESETSTAT
COMMAND COUNT x
COMMAND BOGUS
COMMAND GETKEYS SET a b
COMMAND GETKEYS MSET a b c d
COMMAND GETKEYS PING x
COMMAND GETKEYS BOGUS a
COMMAND GETKEYS SET a
COMMAND GETKEYS PING
COMMAND INFO bogus
COMMAND DOCS bogus
COMMAND LIST FILTERBY PATTERN nothing-like-this
COMMAND LIST FILTERBY BOGUS x
MODULE LIST
SLOWLOG LEN x
SLOWLOG RESET
LATENCY LATEST
LATENCY RESET
ACL WHOAMI
ACL CAT bogus
PUBSUB
PUBSUB BOGUS
PUBSUB CHANNELS
PUBSUB NUMPAT
PUBSUB NUMSUB
UNSUBSCRIBE
PUNSUBSCRIBE
BOGUS
BOGUS a "b c" d
"a|b"
"client|id"
TIME x
INFO replication bogus-section x y
DBSIZE x
QUIT
"""

# Every way to give SET and GETEX two options, and each of the commands too few and too many words.
OPTIONS = ("NX", "XX", "GET", "KEEPTTL", "PERSIST", "EX 100", "PX 100000", "EXAT 33177117420",
           "PXAT 33177117420000", "EX", "nx", "ex 100")
COMMANDS = {
    "APPEND": 2, "GET": 1, "GETDEL": 1, "GETRANGE": 3, "GETSET": 2, "PSETEX": 3, "SETEX": 3,
    "SETNX": 2, "SETRANGE": 3, "STRLEN": 1, "SUBSTR": 3, "INCR": 1, "DECR": 1, "INCRBY": 2,
    "DECRBY": 2, "INCRBYFLOAT": 2, "PERSIST": 1, "TTL": 1, "PTTL": 1, "TYPE": 1, "RENAME": 2,
    "RENAMENX": 2, "EXPIRETIME": 1, "PEXPIRETIME": 1, "HEXISTS": 2, "HGET": 2, "HGETALL": 1,
    "HINCRBY": 3, "HINCRBYFLOAT": 3, "HKEYS": 1, "HLEN": 1, "HSETNX": 3, "HSTRLEN": 2, "HVALS": 1,
    "ECHO": 1, "SELECT": 1, "MULTI": 0, "EXEC": 0, "DISCARD": 0, "UNWATCH": 0, "KEYS": 1,
    "RANDOMKEY": 0, "TIME": 0,
}
AT_LEAST = {
    "SET": 2, "GETEX": 1, "MGET": 1, "MSET": 2, "MSETNX": 2, "DEL": 1, "UNLINK": 1, "EXISTS": 1,
    "TOUCH": 1, "EXPIRE": 2, "PEXPIRE": 2, "EXPIREAT": 2, "PEXPIREAT": 2, "COPY": 2, "HDEL": 2,
    "HMGET": 2, "HSET": 3, "HMSET": 3, "HSCAN": 2, "SCAN": 1, "WATCH": 1, "SUBSCRIBE": 1,
    "PSUBSCRIBE": 1, "AUTH": 1,
}
# With arguments that are right for most, on what is of the other kind.
OTHER_KIND = """GET h/STRLEN h/APPEND h x/GETRANGE h 0 1/SETRANGE h 0 x/GETSET h x/GETDEL h/GETEX h
/INCR h/INCRBY h 1/INCRBYFLOAT h 1/MGET h s/SET h v GET/SETNX h v/SUBSTR h 0 1/HGET s f/HSET s f v
/HGETALL s/HDEL s f/HLEN s/HKEYS s/HVALS s/HMGET s f/HEXISTS s f/HINCRBY s f 1/HINCRBYFLOAT s f 1
/HSETNX s f v/HSTRLEN s f/HSCAN s 0/HMSET s f v/GETEX h EX 100/DECR h/DECRBY h 1/SETRANGE h 0 ''"""


def combinations():
    yield ["SET", "k", "v"]
    for chosen in itertools.chain(itertools.product(OPTIONS, repeat=1),
                                  itertools.product(OPTIONS, repeat=2)):
        for command in ("SET k v", "SET none v", "GETEX k", "GETEX none"):
            yield shlex.split(command + " " + " ".join(chosen))
            yield ["TTL", "k"]
        yield ["DEL", "none"]
    for name, count in COMMANDS.items():
        yield [name, *["a"] * (count + 1)]
        if count > 0:
            yield [name, *["a"] * (count - 1)]
    for name, count in AT_LEAST.items():
        yield [name, *["a"] * (count - 1)]
    yield []
    yield ["SET", "s", "text"]
    yield ["HSET", "h", "f", "v"]
    for line in OTHER_KIND.replace("\n", "").split("/"):
        yield shlex.split(line)


def script():
    """Lists of words; an empty one says that both are to be emptied."""
    for part in (STRINGS, KEYS, HASHES, TRANSACTIONS):
        yield []
        for line in part.strip().splitlines():
            yield shlex.split(line)
    yield []
    yield from combinations()
    yield []
    for line in CONNECTION.strip().splitlines():
        yield shlex.split(line)
