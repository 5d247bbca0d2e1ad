#include "io/tls_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/sync.h"
#include "io/listener.h"
#include "kit/blocking_socket.h"
#include "kit/eventually.h"
#include "kit/folder.h"
#include "kit/test_certificates.h"

namespace headrace::io {
namespace {

using kit::eventually;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// A client that a test moves step by step, with whatever settings.
class Peer {
 public:
  struct Settings {
    int version_max = 0;  // 0: the newest.
    const char* ciphers = nullptr;
    const char* certificate = nullptr;
    const char* key = nullptr;
  };
  Peer(int port, const Settings& settings)
      : socket_(kit::BlockingSocket::connect(port).value()),
        context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), settings.version_max);
    if (settings.ciphers != nullptr) SSL_CTX_set_cipher_list(context_.get(), settings.ciphers);
    if (settings.certificate != nullptr) {
      SSL_CTX_use_certificate_chain_file(context_.get(), settings.certificate);
      SSL_CTX_use_PrivateKey_file(context_.get(), settings.key, SSL_FILETYPE_PEM);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.native());
  }
  explicit Peer(int port) : Peer(port, Settings{}) {}

  [[nodiscard]] bool shake_hands() { return SSL_connect(ssl_.get()) == 1; }
  // The issuer's name of what the server proves itself with.
  [[nodiscard]] std::string issuer() {
    const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(ssl_.get()),
                                                            X509_free);
    char name[100] = "";
    X509_NAME_get_text_by_NID(X509_get_issuer_name(shown.get()), NID_commonName, name, sizeof name);
    return name;
  }
  [[nodiscard]] std::string cipher() { return SSL_get_cipher_name(ssl_.get()); }
  void send(std::string_view bytes) {
    EXPECT_EQ(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())),
              static_cast<int>(bytes.size()));
  }
  // Up to `size` bytes, or up to the end.
  [[nodiscard]] std::string receive(std::size_t size) {
    std::string all(size, ' ');
    std::size_t got = 0;
    while (got < size) {
      last_ = SSL_read(ssl_.get(), all.data() + got, static_cast<int>(size - got));
      if (last_ <= 0) break;
      got += static_cast<std::size_t>(last_);
    }
    all.resize(got);
    return all;
  }
  // Whether the server has said that it ends, and not only hung up.
  [[nodiscard]] bool was_told_the_end() {
    return SSL_get_error(ssl_.get(), last_) == SSL_ERROR_ZERO_RETURN;
  }
  void say_end() { SSL_shutdown(ssl_.get()); }
  [[nodiscard]] SSL* ssl() { return ssl_.get(); }
  kit::BlockingSocket& socket() { return socket_; }

 private:
  kit::BlockingSocket socket_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  int last_ = 1;
};

// As many bytes, none of which stands where another would.
std::string counted(std::size_t size) {
  std::string all;
  for (int i = 0; all.size() < size; ++i) all += std::to_string(i);
  return all;
}

// Says all it hears, when the peer has ended; with `echoing` at once, too.
Task<void> answer(std::shared_ptr<Connection> connection, Instant deadline, bool echoing) {
  std::string heard;
  std::string room(64 << 10, ' ');
  for (;;) {
    const Result<std::size_t> got =
        co_await connection->read_some(room.data(), room.size(), deadline);
    if (!got) co_return;
    if (*got == 0) break;
    heard.append(room, 0, *got);
    if (!echoing) continue;
    const auto wrote = co_await connection->write(heard, deadline);
    if (!wrote) co_return;
    heard.clear();
  }
  (void)co_await connection->write(heard, deadline);
}

Task<Result<std::string>> ask(std::shared_ptr<Connection> connection, std::string question,
                              Instant deadline) {
  const auto wrote = co_await connection->write(question, deadline);
  if (!wrote) co_return std::unexpected(wrote.error());
  std::string said;
  std::string room(1000, ' ');
  while (said.size() < question.size()) {
    const Result<std::size_t> got =
        co_await connection->read_some(room.data(), room.size(), deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) break;
    said.append(room, 0, *got);
  }
  co_return said;
}

Task<Result<void>> write_all(std::shared_ptr<Connection> connection, std::string bytes,
                             Instant deadline) {
  const Result<void> wrote = co_await connection->write(bytes, deadline);
  co_return wrote;
}

Task<Result<std::string>> read_once(std::shared_ptr<Connection> connection, Instant deadline) {
  std::string room(100'000, ' ');
  const Result<std::size_t> got =
      co_await connection->read_some(room.data(), room.size(), deadline);
  if (!got) co_return std::unexpected(got.error());
  room.resize(*got);
  co_return room;
}

// Says that it will write no more, and what it still hears.
Task<void> finish_and_hear(std::shared_ptr<Connection> connection, Instant deadline,
                           std::promise<std::string>* heard) {
  co_await connection->home();
  connection->finish_writing();
  std::string room(100, ' ');
  const Result<std::size_t> got =
      co_await connection->read_some(room.data(), room.size(), deadline);
  heard->set_value(got ? room.substr(0, *got) : got.error().what);
}

class TlsIdentityTest : public testing::Test {
 protected:
  ~TlsIdentityTest() override {
    listener.reset();
    for (const auto& one : kept) one->close();
    kept.clear();
    EXPECT_TRUE(eventually([this] { return live == 0; }));
  }

  TlsFiles files() {
    return {.certificate = certificates.server_file, .key = certificates.server_key_file};
  }
  void listen(TlsFiles from, Listener::Accepted accepted, Duration handshake_within = seconds(20)) {
    identity = TlsIdentity::make(std::move(from)).value();
    listener =
        Listener::open(
            runtime,
            {.address = {"127.0.0.1", 0}, .tls = identity, .handshake_within = handshake_within},
            std::move(accepted))
            .value();
  }
  void listen(TlsFiles from, bool echoing = true) {
    listen(std::move(from), [this, echoing](Connection connection) {
      ++live;
      start(answer(std::make_shared<Connection>(std::move(connection)), soon(), echoing),
            [this] { --live; });
    });
  }
  [[nodiscard]] int port() const { return listener->address().port; }
  [[nodiscard]] Instant soon() const { return runtime.now() + seconds(20); }
  std::shared_ptr<Connection> connect_here() {
    auto trust = TlsTrust::make({.authorities = certificates.authority_file}).value();
    return std::make_shared<Connection>(
        wait(connect(runtime, listener->address(), std::move(trust), soon())).value());
  }
  static bool echoes(Peer& peer) {
    peer.send("hello");
    return peer.receive(5) == "hello";
  }

  kit::TemporaryFolder folder;
  kit::TestCertificates certificates{folder};
  Runtime runtime{{.threads = 2}};
  std::atomic<int> live = 0;
  std::vector<std::shared_ptr<Connection>> kept;
  std::shared_ptr<TlsIdentity> identity;
  std::unique_ptr<Listener> listener;
};

TEST_F(TlsIdentityTest, CarriesBytesBothWays) {
  listen(files());
  const auto connection = connect_here();
  EXPECT_EQ(wait(ask(connection, "hello", soon())).value(), "hello");
  const std::string big = counted(3 << 20);
  auto writing = std::async(std::launch::async,
                            [&] { return wait(write_all(connection, big, soon())).has_value(); });
  std::string got;
  while (got.size() < big.size()) got += wait(read_once(connection, soon())).value();
  EXPECT_TRUE(writing.get());
  EXPECT_TRUE(got == big);
  EXPECT_EQ(wait(ask(connection, "hello", soon())).value(), "hello");
  EXPECT_EQ(listener->handshakes_failed(), 0U);
}

TEST_F(TlsIdentityTest, AWriteGoesOnWhereItHadToWait) {
  const std::string big = counted(16 << 20);
  listen(files(), [&](Connection connection) {
    ++live;
    auto shared = std::make_shared<Connection>(std::move(connection));
    start(write_all(shared, big, soon()), [this](const Result<void>& wrote) {
      EXPECT_TRUE(wrote) << wrote.error().what;
      --live;
    });
  });
  Peer peer(port());
  // So it takes less than it is sent, and the kernel buffers some MiB at most.
  const int room = 1 << 20;
  setsockopt(peer.socket().native(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  ASSERT_TRUE(peer.shake_hands());
  EXPECT_TRUE(peer.receive(big.size()) == big);
}

TEST_F(TlsIdentityTest, AReadEndsAtItsDeadlineAndTheConnectionCanStillBeWrittenTo) {
  listen(files());
  const auto connection = connect_here();
  const auto late = wait(read_once(connection, runtime.now() + milliseconds(20)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timed_out);
  EXPECT_EQ(wait(ask(connection, "hello", soon())).value(), "hello");
}

TEST_F(TlsIdentityTest, RefusesVersionsBefore12) {
  listen(files());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Peer peer(port(), {.version_max = version});
    EXPECT_TRUE(peer.shake_hands() && echoes(peer)) << version;
  }
  Peer old(port(), {.version_max = TLS1_1_VERSION});
  EXPECT_FALSE(old.shake_hands());
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
  EXPECT_TRUE(eventually([this] { return listener->handshakes_failed() == 1; }));
}

TEST_F(TlsIdentityTest, CiphersAuthenticateAndTheServerChooses) {
  listen(files());
  Peer first(port(), {.version_max = TLS1_2_VERSION,
                      .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"});
  EXPECT_TRUE(first.shake_hands());
  EXPECT_EQ(first.cipher(), "ECDHE-ECDSA-AES256-GCM-SHA384");
  Peer weak(port(), {.version_max = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES256-SHA384"});
  EXPECT_FALSE(weak.shake_hands());
}

TEST_F(TlsIdentityTest, NobodyNegotiatesAnew) {
  listen(files());
  Peer peer(port(), {.version_max = TLS1_2_VERSION});
  ASSERT_TRUE(peer.shake_hands() && echoes(peer));
  SSL_renegotiate(peer.ssl());
  peer.socket().set_patience(seconds(20));
  EXPECT_NE(SSL_do_handshake(peer.ssl()), 1);
}

TEST_F(TlsIdentityTest, ClientsAreAskedForProofWhereAuthoritiesAreNamed) {
  const kit::TestCertificates foreign(folder, "foreign-");
  TlsFiles with_clients = files();
  with_clients.authorities = certificates.authority_file;
  listen(with_clients);
  Peer known(port(), {.certificate = certificates.client_file.c_str(),
                      .key = certificates.client_key_file.c_str()});
  EXPECT_TRUE(known.shake_hands() && echoes(known));
  Peer nobody(port());
  (void)nobody.shake_hands();  // In TLS 1.3 a client hears of it with its first read.
  EXPECT_EQ(nobody.receive(1), "");
  Peer stranger(
      port(), {.certificate = foreign.client_file.c_str(), .key = foreign.client_key_file.c_str()});
  (void)stranger.shake_hands();
  EXPECT_EQ(stranger.receive(1), "");
  EXPECT_TRUE(eventually([this] { return listener->handshakes_failed() == 2; }));
}

TEST_F(TlsIdentityTest, AKnownClientComesBackWithItsTicket) {
  TlsFiles with_clients = files();
  with_clients.authorities = certificates.authority_file;
  listen(with_clients);
  const Peer::Settings settings{.version_max = TLS1_2_VERSION,
                                .certificate = certificates.client_file.c_str(),
                                .key = certificates.client_key_file.c_str()};
  Peer first(port(), settings);
  ASSERT_TRUE(first.shake_hands() && echoes(first));
  Peer again(port(), settings);
  SSL_set_session(again.ssl(), SSL_get0_session(first.ssl()));
  EXPECT_TRUE(again.shake_hands() && echoes(again));
  EXPECT_EQ(SSL_session_reused(again.ssl()), 1);
}

TEST_F(TlsIdentityTest, NewFilesAreForNewConnections) {
  listen(files());
  Peer before(port());
  ASSERT_TRUE(before.shake_hands() && echoes(before));
  EXPECT_EQ(before.issuer(), "headrace test authority");
  const kit::TestCertificates renewed(folder, "renewed-");
  std::filesystem::rename(renewed.server_file, certificates.server_file);
  std::filesystem::rename(renewed.server_key_file, certificates.server_key_file);
  Peer unaware(port());
  ASSERT_TRUE(unaware.shake_hands());
  EXPECT_EQ(unaware.issuer(), "headrace test authority");
  ASSERT_TRUE(identity->reload());
  Peer after(port());
  ASSERT_TRUE(after.shake_hands() && echoes(after));
  EXPECT_EQ(after.issuer(), "renewed-headrace test authority");
  EXPECT_TRUE(echoes(before) && echoes(unaware));
}

TEST_F(TlsIdentityTest, WhatCannotBeUsedChangesNothing) {
  listen(files());
  const kit::TestCertificates foreign(folder, "foreign-");
  std::filesystem::copy_file(foreign.server_key_file, certificates.server_key_file,
                             std::filesystem::copy_options::overwrite_existing);
  const auto mismatched = identity->reload();
  ASSERT_FALSE(mismatched);
  EXPECT_THAT(mismatched.error().what,
              HasSubstr("the server's key in \"" + certificates.server_key_file +
                        "\" cannot be used: key values mismatch"));
  std::filesystem::remove(certificates.server_file);
  const auto gone = identity->reload();
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().what,
              HasSubstr("the server's certificate in \"" + certificates.server_file));
  Peer peer(port());
  EXPECT_TRUE(peer.shake_hands() && echoes(peer));
}

TEST_F(TlsIdentityTest, FilesThatAreNoneAreNamed) {
  TlsFiles no_authorities = files();
  no_authorities.authorities = "/no/such/file.pem";
  const auto made = TlsIdentity::make(no_authorities);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::invalid_argument);
  EXPECT_THAT(made.error().what, HasSubstr("the clients' authorities in \"/no/such/file.pem\""));
  const auto no_key = TlsIdentity::make({.certificate = certificates.server_file});
  ASSERT_FALSE(no_key);
}

TEST_F(TlsIdentityTest, WhoIsSilentLosesTheConnectionThatItWasCountedAs) {
  std::atomic<int> accepted = 0;
  listen(files(), [&](Connection) { ++accepted; }, milliseconds(100));
  auto silent = kit::BlockingSocket::connect(port()).value();
  EXPECT_EQ(silent.read_all().value(), "");
  EXPECT_TRUE(eventually([this] { return listener->connections() == 0; }));
  EXPECT_EQ(listener->handshakes_failed(), 1U);
  EXPECT_EQ(accepted, 0);
}

TEST_F(TlsIdentityTest, WhoSpeaksNoTlsIsNotListenedTo) {
  std::atomic<int> accepted = 0;
  listen(files(), [&](Connection) { ++accepted; });
  auto plain = kit::BlockingSocket::connect(port()).value();
  ASSERT_TRUE(plain.send("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(eventually([this] { return listener->handshakes_failed() == 1; }));
  EXPECT_TRUE(eventually([this] { return listener->connections() == 0; }));
  EXPECT_EQ(accepted, 0);
}

TEST_F(TlsIdentityTest, ClosingEndsHandshakes) {
  std::atomic<int> accepted = 0;
  listen(files(), [&](Connection) { ++accepted; }, std::chrono::hours(1));
  auto silent = kit::BlockingSocket::connect(port()).value();
  ASSERT_TRUE(eventually([this] { return listener->connections() == 1; }));
  listener->close();
  EXPECT_EQ(listener->connections(), 0U);
  EXPECT_EQ(silent.read_all().value(), "");
  EXPECT_EQ(accepted, 0);
}

TEST_F(TlsIdentityTest, WhoHasEndedIsStillAnswered) {
  listen(files(), false);
  Peer polite(port());
  ASSERT_TRUE(polite.shake_hands());
  polite.send("all of it");
  polite.say_end();
  polite.socket().end_sending();
  EXPECT_EQ(polite.receive(100), "all of it");
  EXPECT_TRUE(polite.was_told_the_end());
  Peer curt(port());
  ASSERT_TRUE(curt.shake_hands());
  curt.send("all of it");
  curt.socket().end_sending();
  EXPECT_EQ(curt.receive(100), "all of it");
}

TEST_F(TlsIdentityTest, WhoHasEndedStillHears) {
  std::promise<std::string> heard;
  listen(files(), [&](Connection connection) {
    ++live;
    start(finish_and_hear(std::make_shared<Connection>(std::move(connection)), soon(), &heard),
          [this] { --live; });
  });
  Peer peer(port());
  ASSERT_TRUE(peer.shake_hands());
  EXPECT_EQ(peer.receive(1), "");
  EXPECT_TRUE(peer.was_told_the_end());
  peer.send("one more thing");
  EXPECT_EQ(heard.get_future().get(), "one more thing");
}

TEST_F(TlsIdentityTest, TwoListenersShareOneIdentity) {
  listen(files());
  const auto other =
      Listener::open(runtime, {.address = {"127.0.0.1", 0}, .tls = identity}, [](Connection) {
      }).value();
  const kit::TestCertificates renewed(folder, "renewed-");
  std::filesystem::rename(renewed.server_file, certificates.server_file);
  std::filesystem::rename(renewed.server_key_file, certificates.server_key_file);
  ASSERT_TRUE(identity->reload());
  for (const int at : {port(), static_cast<int>(other->address().port)}) {
    Peer peer(at);
    ASSERT_TRUE(peer.shake_hands());
    EXPECT_EQ(peer.issuer(), "renewed-headrace test authority");
  }
}

}  // namespace
}  // namespace headrace::io
