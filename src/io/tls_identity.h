// io/tls_identity.h: who a server proves to be to its clients, and which clients it wants to know.
//
// TLS 1.2 or later, with ciphers that also authenticate what they encipher, in the server's order;
// without compression and renegotiation.  Several listeners may share one identity.
//
// Threads:   any.
// Errors:    invalid_argument: a file cannot be used, which is named with the reason.
// Lifetimes: connections keep what they began with, and may outlive the identity.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "headrace/result.h"
#include "io/connection.h"

struct ssl_ctx_st;  // What OpenSSL calls SSL_CTX.

namespace headrace::io {

class TlsIdentity {
 public:
  // Reads the files: a certificate and its key, and if any are named the authorities of clients,
  // which then must prove who they are.
  [[nodiscard]] static Result<std::shared_ptr<TlsIdentity>> make(TlsFiles files);

  // Reads the files again, for connections that begin from here on.  What cannot be used changes
  // nothing.
  [[nodiscard]] Result<void> reload();

  [[nodiscard]] const TlsFiles& files() const noexcept { return files_; }

  // For this module only.
  TlsIdentity(TlsFiles files, std::shared_ptr<ssl_ctx_st> context)
      : files_(std::move(files)), context_(std::move(context)) {}
  [[nodiscard]] std::shared_ptr<ssl_ctx_st> context() const;

 private:
  const TlsFiles files_;
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;
};

}  // namespace headrace::io
