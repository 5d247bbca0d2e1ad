#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "headrace/sync.h"
#include "io/connection.h"

namespace headrace::io {
namespace {

namespace asio = boost::asio;
using std::chrono::seconds;

// A certificate for "localhost" that vouches for itself, and its key, in files.
class OwnCertificate {
 public:
  OwnCertificate() {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                  EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> cert(X509_new(), X509_free);
    X509_set_version(cert.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
    X509_set_pubkey(cert.get(), key.get());
    X509_NAME* name = X509_get_subject_name(cert.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(cert.get(), name);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(cert.get(), names, -1);
    X509_EXTENSION_free(names);
    X509_sign(cert.get(), key.get(), EVP_sha256());
    write_file(cert_file, [&](FILE* to) { PEM_write_X509(to, cert.get()); });
    write_file(key_file, [&](FILE* to) {
      PEM_write_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  ~OwnCertificate() {
    std::remove(cert_file.c_str());
    std::remove(key_file.c_str());
  }

  std::string cert_file = testing::TempDir() + "headrace-tls-" + std::to_string(getpid()) + ".crt";
  std::string key_file = testing::TempDir() + "headrace-tls-" + std::to_string(getpid()) + ".key";

 private:
  template <class F>
  static void write_file(const std::string& path, F write) {
    FILE* to = std::fopen(path.c_str(), "w");
    write(to);
    std::fclose(to);
  }
};

// Answers one TLS client with what it says, up to a line's end.
class TlsEcho {
 public:
  explicit TlsEcho(const OwnCertificate& own) : acceptor_(context_, {asio::ip::tcp::v4(), 0}) {
    ssl_.use_certificate_chain_file(own.cert_file);
    ssl_.use_private_key_file(own.key_file, asio::ssl::context::pem);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsEcho() { thread_.join(); }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void serve() {
    asio::ssl::stream<asio::ip::tcp::socket> stream(acceptor_.accept(), ssl_);
    boost::system::error_code error;
    stream.handshake(asio::ssl::stream_base::server, error);
    if (error) return;
    std::string line;
    asio::read_until(stream, asio::dynamic_buffer(line), '\n', error);
    asio::write(stream, asio::buffer(line), error);
  }

  asio::io_context context_;
  asio::ssl::context ssl_{asio::ssl::context::tls_server};
  asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
};

Task<Result<std::string>> say(std::shared_ptr<Connection> connection, std::string line,
                              Instant deadline) {
  const Result<void> wrote = co_await connection->write(line, deadline);
  if (!wrote) co_return std::unexpected(wrote.error());
  std::string room(100, ' ');
  const Result<std::size_t> got =
      co_await connection->read_some(room.data(), room.size(), deadline);
  if (!got) co_return std::unexpected(got.error());
  co_return room.substr(0, *got);
}

class TlsTest : public testing::Test {
 protected:
  Result<Connection> connect_to(std::string host, std::uint16_t port,
                                std::shared_ptr<TlsTrust> trust) {
    return wait(
        connect(runtime, {std::move(host), port}, std::move(trust), runtime.now() + seconds(20)));
  }

  OwnCertificate own;
  Runtime runtime{{.threads = 1}};
};

TEST_F(TlsTest, TalksToWhomItTrusts) {
  const TlsEcho server(own);
  auto connected = connect_to("localhost", server.port(),
                              TlsTrust::make({.authorities = own.cert_file}).value());
  ASSERT_TRUE(connected) << connected.error().what;
  const auto connection = std::make_shared<Connection>(std::move(*connected));
  EXPECT_EQ(wait(say(connection, "hello\n", runtime.now() + seconds(20))).value(), "hello\n");
}

TEST_F(TlsTest, RefusesAStranger) {
  const TlsEcho server(own);
  const auto refused = connect_to("localhost", server.port(), TlsTrust::make().value());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::source_unavailable);
  EXPECT_NE(refused.error().what.find("certificate verify failed"), std::string::npos)
      << refused.error().what;
}

TEST_F(TlsTest, RefusesTheWrongName) {
  const TlsEcho server(own);
  const auto refused = connect_to("127.0.0.1", server.port(),
                                  TlsTrust::make({.authorities = own.cert_file}).value());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::source_unavailable);
}

TEST_F(TlsTest, RefusesTheNameOfAnother) {
  const TlsEcho server(own);
  const auto refused = connect_to("127.1", server.port(),  // No address, and resolved as one.
                                  TlsTrust::make({.authorities = own.cert_file}).value());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("certificate verify failed"), std::string::npos)
      << refused.error().what;
}

TEST_F(TlsTest, AMissingFileOfAuthoritiesIsNamed) {
  const auto trust = TlsTrust::make({.authorities = "/no/such/file.pem"});
  ASSERT_FALSE(trust);
  EXPECT_NE(trust.error().what.find("/no/such/file.pem"), std::string::npos);
}

TEST_F(TlsTest, ACertificateAndAKeyThatAreNoneAreNamed) {
  const auto half = TlsTrust::make({.certificate = own.cert_file});
  ASSERT_FALSE(half);
  EXPECT_NE(half.error().what.find("belong together"), std::string::npos);
  const auto no_key = TlsTrust::make({.certificate = own.cert_file, .key = own.cert_file});
  ASSERT_FALSE(no_key);
  EXPECT_NE(no_key.error().what.find("the client's key in \"" + own.cert_file), std::string::npos);
}

}  // namespace
}  // namespace headrace::io
