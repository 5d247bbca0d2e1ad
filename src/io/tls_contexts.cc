// What OpenSSL is told before it shakes hands: for a client in TlsTrust, for a server in
// TlsIdentity.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/error.hpp>
#include <string>
#include <string_view>

#include "io/connection.h"
#include "io/tls_identity.h"

namespace headrace::io {

namespace {

using Context = std::shared_ptr<SSL_CTX>;

// Of TLS 1.2; all of 1.3 are of that kind.
constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

Context make_context(const SSL_METHOD* method) {
  Context context(SSL_CTX_new(method), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // What is left of a write may be offered again from wherever it then lies.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  // Else a key with a password would have it asked for on the terminal.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
  return context;
}

std::unexpected<Error> unusable(std::string_view what, const std::string& file) {
  const boost::system::error_code error(static_cast<int>(ERR_get_error()),
                                        boost::asio::error::get_ssl_category());
  return failure(Code::invalid_argument,
                 std::string(what) + " in \"" + file + "\" cannot be used: " + error.message());
}

// `whose`: "the client's".
Result<void> load_own(SSL_CTX* context, const TlsFiles& files, const std::string& whose) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return unusable(whose + " certificate", files.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return unusable(whose + " key", files.key);
  }
  return {};
}

Result<void> load_authorities(SSL_CTX* context, const std::string& file, const std::string& what) {
  ERR_clear_error();
  if (SSL_CTX_load_verify_locations(context, file.c_str(), nullptr) == 1) return {};
  return unusable(what, file);
}

Result<Context> server_context(const TlsFiles& files) {
  Context context = make_context(TLS_server_method());
  SSL_CTX_set_cipher_list(context.get(), ciphers);
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  auto loaded = load_own(context.get(), files, "the server's");
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  if (files.authorities.empty()) return context;
  loaded = load_authorities(context.get(), files.authorities, "the clients' authorities");
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  SSL_CTX_set_client_CA_list(context.get(), SSL_load_client_CA_file(files.authorities.c_str()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // Without a name of its own no session of a client that was verified is taken up again.
  constexpr std::string_view name = "headrace";
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>(name.data()),
                                 name.size());
  return context;
}

}  // namespace

Result<std::shared_ptr<TlsTrust>> TlsTrust::make(const TlsFiles& files) {
  Context context = make_context(TLS_client_method());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (files.authorities.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    auto loaded = load_authorities(context.get(), files.authorities, "the certificate authorities");
    if (!loaded) return std::unexpected(std::move(loaded.error()));
  }
  if (files.certificate.empty() != files.key.empty()) {
    return failure(Code::invalid_argument,
                   "a client's certificate and its key belong together: name both files, or none");
  }
  if (!files.certificate.empty()) {
    auto loaded = load_own(context.get(), files, "the client's");
    if (!loaded) return std::unexpected(std::move(loaded.error()));
  }
  return std::make_shared<TlsTrust>(std::move(context));
}

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::make(TlsFiles files) {
  auto context = server_context(files);
  if (!context) return std::unexpected(std::move(context.error()));
  return std::make_shared<TlsIdentity>(std::move(files), *std::move(context));
}

Result<void> TlsIdentity::reload() {
  auto context = server_context(files_);
  if (!context) return std::unexpected(std::move(context.error()));
  const std::lock_guard lock(mutex_);
  context_.swap(*context);
  return {};
}

Context TlsIdentity::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

}  // namespace headrace::io
