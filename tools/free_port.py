"""Ports for servers that are told theirs before they start."""

import random
import socket

# Below those that the kernel gives to whoever asks for any port: one of these could have been given
# away before the server is there, or while it is away and its clients try to reach it again.
FIRST, LAST = 18000, 31999
TRIES_MAX = 200

_held = []  # Names of ports, which are free again when this program has ended.


def free_port():
    """A port of the loopback that nobody listens on, and no other test of this machine takes."""
    for _ in range(TRIES_MAX):
        port = random.randint(FIRST, LAST)
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            name.bind(f"\0headrace-test-port-{port}")  # As tests/kit/loopback_port.h does.
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                probe.listen(1)
        except OSError:
            name.close()
        else:
            _held.append(name)
            return port
    raise OSError(f"no free port from {FIRST} to {LAST} in {TRIES_MAX} tries")
