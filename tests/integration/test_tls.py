"""TLS of the server's own listener, as other people's clients see it.

Certificates are made by the openssl program, each with a number by which it is told from others.
"""

import http.client
import shutil
import ssl
import subprocess
import unittest

from harness import SECONDS_MAX, SIGHUP, SOURCE, Case, Traffic, policy

CONFIG = """
[server]
tls_cert_file = "server.crt"
tls_key_file = "server.key"
"""


def openssl(*words, **more):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, check=True,
                          timeout=SECONDS_MAX, **more)


class Tls(Case):
    def setUp(self):
        if shutil.which("openssl") is None:
            self.skipTest("there is no openssl here")
        super().setUp()
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
        openssl("req", "-x509", *key, "-subj", "/CN=test authority", "-keyout",
                self.folder / "ca.key", "-out", self.folder / "ca.crt")
        self.issue("server", 1)

    def issue(self, name, number, names="DNS:localhost,IP:127.0.0.1"):
        """Writes name.crt and name.key, each in one step."""
        at = self.folder
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-keyout", at / "new.key", "-out", at / "new.csr")
        (at / "names").write_text(f"subjectAltName = {names}\n")
        openssl("x509", "-req", "-in", at / "new.csr", "-CA", at / "ca.crt", "-CAkey",
                at / "ca.key", "-set_serial", number, "-days", "1", "-extfile", at / "names",
                "-out", at / "new.crt")
        for suffix in ("crt", "key"):
            (at / f"new.{suffix}").replace(at / f"{name}.{suffix}")

    def serve_tls(self, more=""):
        self.configure(self.listen + SOURCE + policy() + CONFIG + more)
        return self.serve()

    def trust(self):
        return ssl.create_default_context(cafile=self.folder / "ca.crt")

    def connect(self, server, context=None):
        """A connection that is kept, and the number of the certificate that it was shown."""
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=SECONDS_MAX,
                                                 context=context or self.trust())
        self.addCleanup(connection.close)
        connection.connect()
        return connection, int(connection.sock.getpeercert()["serialNumber"], 16)

    @staticmethod
    def get(connection, path="/v1/read/user/42"):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


class Clients(Tls):
    def test_ours(self):
        server = self.serve_tls()
        url = f"https://localhost:{server.port}"
        done = self.run_headrace("read", "user", "42", "--ca-file", self.folder / "ca.crt", url=url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("User 42", done.stdout)
        by_address = self.run_headrace("probe", "--ca-file", self.folder / "ca.crt",
                                       url=f"https://127.0.0.1:{server.port}")
        self.assertEqual(by_address.returncode, 0, by_address.stderr)
        stranger = self.run_headrace("read", "user", "42", url=url)
        self.assertEqual(stranger.returncode, 5)
        self.assertIn("certificate verify failed", stranger.stderr)
        none = self.run_headrace("probe", "--ca-file", self.folder / "none.crt", url=url)
        self.assertEqual(none.returncode, 2)
        self.assertIn("none.crt", none.stderr)

    def test_openssl(self):
        server = self.serve_tls()
        command = ["openssl", "s_client", "-connect", f"localhost:{server.port}", "-CAfile",
                   self.folder / "ca.crt", "-verify_return_error", "-ign_eof"]
        asked = "GET /v1/read/user/42 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        for version, cipher in (("-tls1_2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
                                ("-tls1_3", "TLS_AES_256_GCM_SHA384")):
            done = subprocess.run([*command, version], input=asked, capture_output=True, text=True,
                                  timeout=SECONDS_MAX, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn(f"Cipher is {cipher}", done.stdout)
            self.assertIn("Compression: NONE", done.stdout)
            self.assertIn('"name":"User 42"', done.stdout)
        old = subprocess.run([*command, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], input=asked,
                             capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
        self.assertNotEqual(old.returncode, 0)
        metrics = self.get(self.connect(server)[0], "/metrics")[1].decode()
        self.assertIn("\nheadrace_tls_handshakes_failed_total 1\n", metrics)
        self.assertNotIn("User 42", old.stdout)

    def test_curl(self):
        if shutil.which("curl") is None:
            self.skipTest("there is no curl here")
        server = self.serve_tls()
        url = f"https://localhost:{server.port}/v1/read/user/"
        done = subprocess.run(["curl", "-sS", "--cacert", self.folder / "ca.crt", url + "[1-3]"],
                              capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for user in (1, 2, 3):
            self.assertIn(f'"name":"User {user}"', done.stdout)

    def test_a_client_that_must_prove_who_it_is(self):
        server = self.serve_tls('tls_client_ca_file = "ca.crt"\n')
        self.issue("client", 7)
        url = f"https://localhost:{server.port}"
        trusting = ("--ca-file", self.folder / "ca.crt")
        known = self.run_headrace("probe", *trusting, "--cert-file", self.folder / "client.crt",
                                  "--key-file", self.folder / "client.key", url=url)
        self.assertEqual(known.returncode, 0, known.stderr)
        self.assertEqual(self.run_headrace("probe", *trusting, url=url).returncode, 5)


class Renewal(Tls):
    def renewed(self, server, number):
        return lambda: self.connect(server)[1] == number

    def test_new_files_under_traffic(self):
        server = self.serve_tls()
        kept, number = self.connect(server)
        self.assertEqual((number, self.get(kept)[0]), (1, 200))

        def work():
            connection, _ = self.connect(server)
            for _ in range(5):
                status, body = self.get(connection)
                if status != 200 or b"User 42" not in body:
                    raise AssertionError(f"{status} {body!r}")
            connection.close()

        with Traffic(work) as traffic:
            for number in (2, 3):
                self.issue("server", number)
                self.wait_until(self.renewed(server, number), f"certificate {number}")
                rounds = traffic.rounds
                self.wait_until(lambda r=rounds: traffic.rounds > r + 5, "traffic")
        self.assertEqual(traffic.faults, [])
        self.assertEqual(self.get(kept)[0], 200, "what was open goes on")

    def test_what_cannot_be_used_changes_nothing(self):
        server = self.serve_tls()
        good = (self.folder / "server.key").read_bytes()
        (self.folder / "server.key").write_text("no key\n")
        self.wait_until(lambda: "new connections get the certificate from before" in server.log(),
                        "word of the broken key")
        self.assertIn("server.key", server.log())
        self.assertEqual(self.connect(server)[1], 1)
        (self.folder / "server.key").write_bytes(good)
        self.wait_until(lambda: "were read again" in server.log(), "the good key")
        self.issue("server", 2)
        self.wait_until(self.renewed(server, 2), "the next certificate")

    def test_a_signal_reads_them_too(self):
        server = self.serve_tls()
        server.signal(SIGHUP)
        self.wait_until(lambda: "TLS: certificate and key were read again" in server.log(),
                        "the files")
        self.wait_until(lambda: "reloaded: " in server.log(), "the reload")


class Start(Tls):
    def refused(self, text):
        self.configure(text)
        checked = self.run_headrace("serve", "--check-config", "--config", self.config)
        ended = self.run_headrace("serve", "--config", self.config)
        self.assertEqual((checked.returncode, ended.returncode), (78, 78), ended.stderr)
        self.assertEqual(checked.stderr.splitlines()[0], ended.stderr.splitlines()[0])
        return ended.stderr

    def test_a_key_of_another_certificate_is_told_with_its_place(self):
        self.issue("other", 2)
        said = self.refused(self.listen + CONFIG.replace("server.key", "other.key"))
        self.assertRegex(said, r"headrace\.toml:4:17: server\.tls_cert_file: the server's key in"
                               r' ".*other\.key" cannot be used: key values mismatch')

    def test_where_others_can_read_along_somebody_has_to_say_so(self):
        (self.folder / "key").write_text("secret\n")
        text = 'listen = "tcp://0.0.0.0:0"\napi_key_file = "key"\n'
        said = self.refused(text)
        self.assertRegex(said, r"headrace\.toml:1:10: listen: .*tls_cert_file.*allow_plain")
        for more in (CONFIG, "[server]\nallow_plain = true\n"):
            self.configure(text + more)
            checked = self.run_headrace("serve", "--check-config", "--config", self.config)
            self.assertEqual(checked.returncode, 0, checked.stderr)


if __name__ == "__main__":
    unittest.main()
