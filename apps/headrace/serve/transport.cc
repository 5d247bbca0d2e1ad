#include "serve/transport.h"

#include <algorithm>
#include <string>

#include "serve/log.h"

namespace headrace::app {

FileWatch watch_identity(const config::Config& config) {
  const config::TransportConfig& transport = config.transport;
  if (!transport.has_tls()) return FileWatch({});
  return FileWatch({transport.tls_cert_file, transport.tls_key_file, transport.tls_client_ca_file});
}

Result<std::shared_ptr<io::TlsIdentity>> identity_of(const config::Config& config) {
  const config::TransportConfig& transport = config.transport;
  if (!transport.has_tls()) return nullptr;
  auto made = io::TlsIdentity::make({.authorities = transport.tls_client_ca_file,
                                     .certificate = transport.tls_cert_file,
                                     .key = transport.tls_key_file});
  if (made) return made;
  const auto named =
      std::ranges::find(config.settings, "server.tls_cert_file", &config::Setting::key);
  return failure(made.error().code, (named == config.settings.end() ? "" : named->origin + ": ") +
                                        "server.tls_cert_file: " + made.error().what);
}

void Renewal::renew() {
  if (!identity_) return;
  (void)files_.has_changed();  // They are read now: the same change is not told twice.
  if (const auto renewed = identity_->reload(); !renewed) {
    return log_error("TLS: " + renewed.error().what +
                     "; new connections get the certificate from before");
  }
  log_info("TLS: certificate and key were read again, for new connections");
}

}  // namespace headrace::app
