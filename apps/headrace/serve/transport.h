// serve/transport.h: the server's certificate, as the configuration names it.
//
// Threads:   one at a time, but for what is shared, which is of any.
// Errors:    identity_of() says where the file is named, and what is wrong with it.
// Lifetimes: values.
#pragma once

#include <memory>
#include <utility>

#include "config/config.h"
#include "headrace/result.h"
#include "io/tls_identity.h"
#include "serve/file_watch.h"

namespace headrace::app {

// The files of the certificate, to be watched from now on.
[[nodiscard]] FileWatch watch_identity(const config::Config& config);
// Null where the configuration names no certificate.
[[nodiscard]] Result<std::shared_ptr<io::TlsIdentity>> identity_of(const config::Config& config);

// Reads a certificate and what belongs to it again, and tells of it in the log.
class Renewal {
 public:
  // `identity` may be null.  `files` have been watched since before it was read: what changes in
  // between is not missed.
  Renewal(std::shared_ptr<io::TlsIdentity> identity, FileWatch files)
      : identity_(std::move(identity)), files_(std::move(files)) {}

  // Now, or ...
  void renew();
  // ... if a file has changed since it was last read.
  void look() {
    if (files_.has_changed()) renew();
  }

 private:
  std::shared_ptr<io::TlsIdentity> identity_;
  FileWatch files_;
};

}  // namespace headrace::app
