"""The connection, against a server that says any bytes."""

import socket
import threading
import time
import unittest

from headrace import Endpoint, Unavailable
from headrace.connection import (ANSWER_BYTES_MAX, HEAD_BYTES_MAX, BadAnswer, Connection, NotSent,
                                 fields_of)

PATIENT = 20.0
FIELDS = fields_of({"Host": "h"})


class Server:
    """Says the pieces, each once the one before was taken, to whoever connects and asks."""

    def __init__(self, case, *pieces, ends=True):
        self.asked = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pieces, self._ends = pieces, ends
        self._done = threading.Event()
        thread = threading.Thread(target=self._serve)
        thread.start()
        case.addCleanup(thread.join)
        case.addCleanup(self._listener.close)
        case.addCleanup(self._done.set)

    def _serve(self):
        peer, _ = self._listener.accept()
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.asked.append(peer.recv(1 << 16))
            for piece in self._pieces:
                try:
                    peer.sendall(piece)
                except OSError:
                    return
            if not self._ends:
                self._done.wait(PATIENT)


class ConnectionTest(unittest.TestCase):
    def ask(self, *pieces, method="GET", path="/", body=None, ends=True, patience=PATIENT):
        self.server = Server(self, *pieces, ends=ends)
        self.connection = Connection("127.0.0.1", self.server.port, PATIENT)
        self.addCleanup(self.connection.close)
        return self.connection.ask(method, path, FIELDS, body, time.monotonic() + patience)

    def refused(self, *pieces, kind=BadAnswer):
        with self.assertRaises(kind):
            self.ask(*pieces)
        self.assertFalse(self.connection.is_sound)

    def test_what_is_asked_goes_out_in_one_piece(self):
        answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        self.ask(answer, method="PUT", path="/a?b=c", body=b"{}")
        self.assertEqual(self.server.asked, [
            b"PUT /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"])
        self.ask(answer, method="POST")
        self.assertEqual(self.server.asked,
                         [b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"])
        self.ask(answer)
        self.assertEqual(self.server.asked, [b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"])

    def test_nothing_in_it_ends_a_line_early(self):
        for fault in ("/a b", "/a\r\nX: y", "/a\0"):
            with self.assertRaises(ValueError):
                self.ask(path=fault)
            self.server._listener.close()
        for headers in ({"X": "a\r\nY: b"}, {"X\r\n": "a"}, {"X:": "a"}, {"X": "a\0"}):
            with self.assertRaises(ValueError):
                fields_of(headers)
        with self.assertRaises(ValueError):
            Endpoint("http://h", "key\r\nX: y")

    def test_an_answer_of_a_known_length_in_any_pieces(self):
        whole = (b"HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nVary: A\r\nvary: B\r\n"
                 b"Content-Length:  5 \r\n\r\nhello")
        for cut in range(1, len(whole)):
            raw = self.ask(whole[:cut], whole[cut:], ends=False)
            self.assertEqual((raw.status, raw.body), (200, b"hello"))
            self.assertEqual(raw.headers["vary"], "A, B")
            self.assertEqual(raw.headers["etag"], '"v1"')
            self.assertTrue(self.connection.is_sound)
            self.assertFalse(self.connection.has_ended())
            self.doCleanups()

    def test_an_answer_in_chunks(self):
        raw = self.ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                       b"3;x=y\r\nabc\r", b"\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n", ends=False)
        self.assertEqual(raw.body, b"abc0123456789")
        self.assertTrue(self.connection.is_sound)

    def test_an_answer_that_ends_with_the_connection(self):
        raw = self.ask(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo")
        self.assertEqual(raw.body, b"hello")
        self.assertFalse(self.connection.is_sound)

    def test_an_interim_answer_is_none(self):
        raw = self.ask(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
                       b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", ends=False)
        self.assertEqual((raw.status, raw.body), (200, b"1"))

    def test_some_answers_have_no_body_whatever_they_say(self):
        for method, status in (("HEAD", 200), ("GET", 304), ("GET", 204)):
            raw = self.ask(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status, method=method,
                           ends=False)
            self.assertEqual((raw.status, raw.body), (status, b""))
            self.assertTrue(self.connection.is_sound)
            self.doCleanups()

    def test_who_says_close_is_not_asked_again(self):
        for head, is_kept in ((b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
                              (b"HTTP/1.0 200 OK\r\n", False),
                              (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True)):
            self.ask(head + b"Content-Length: 0\r\n\r\n", ends=False)
            self.assertEqual(self.connection.is_sound, is_kept, head)
            self.doCleanups()

    def test_more_than_an_answer_is_not_taken_for_the_next_one(self):
        raw = self.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\n",
                       ends=False)
        self.assertEqual(raw.body, b"1")
        self.assertFalse(self.connection.is_sound)

    def test_what_is_no_answer(self):
        for head in (b"SSH-2.0-x\r\n\r\n", b"HTTP/2 200 OK\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"HTTP/1.1 200 OK\r\n : x\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (HEAD_BYTES_MAX // 3)):
            self.refused(head)
        for length in (b"+1", b"1, 1", b"-1", b"0x1", b"1_0", b"", b"\xb2", b"9" * 30,
                       b"%d" % (ANSWER_BYTES_MAX + 1)):
            self.refused(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n1")
        for chunks in (b"1\r\nab\r\n0\r\n\r\n", b"-1\r\n", b"x\r\n", b"\r\n", b"ffffffff\r\n"):
            self.refused(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)

    def test_an_answer_that_is_cut_off_is_none(self):
        for said in (b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"):
            self.refused(said, kind=ConnectionResetError)

    def test_a_slow_answer_has_one_deadline(self):
        with self.assertRaises(OSError):
            self.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", ends=False, patience=0.05)
        self.assertFalse(self.connection.is_sound)

    def test_late_is_not_sent(self):
        with self.assertRaises(NotSent):
            self.ask(patience=-1)

    def test_an_endpoint_takes_what_is_no_answer_for_an_outage(self):
        server = Server(self, b"SSH-2.0-x\r\n\r\n")
        endpoint = Endpoint(f"http://127.0.0.1:{server.port}", timeout=PATIENT, retries_max=0)
        with self.assertRaisesRegex(Unavailable, "BadAnswer while asking the server"):
            endpoint.ask("GET", "/")


if __name__ == "__main__":
    unittest.main()
