// Where the server listens.  Whoever can reach it there has to bring a key, and is not to send it
// where others can read along: so an address that other machines can reach needs both, or somebody
// who says that it needs no TLS.
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/parts.h"
#include "config/section.h"

namespace headrace::config {

namespace {

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

// "tcp://HOST:PORT" in host and port.
std::optional<std::pair<std::string_view, int>> split_listen(std::string_view listen) {
  if (!listen.starts_with("tcp://")) return std::nullopt;
  listen.remove_prefix(6);
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view digits = listen.substr(colon + 1);
  int port = -1;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool sound =
      fault == std::errc{} && end == digits.data() + digits.size() && port >= 0 && port <= 65535;
  if (!sound) return std::nullopt;
  return std::pair(listen.substr(0, colon), port);
}

void read_transport(TransportConfig& transport, Section server) {
  server.path("tls_cert_file", transport.tls_cert_file);
  server.path("tls_key_file", transport.tls_key_file);
  server.path("tls_client_ca_file", transport.tls_client_ca_file);
  server.truth("allow_plain", transport.allow_plain);
  if (transport.tls_cert_file.empty() != transport.tls_key_file.empty()) {
    server.fail(transport.tls_cert_file.empty() ? "tls_key_file" : "tls_cert_file",
                "belongs to the other of tls_cert_file and tls_key_file: set both");
  } else if (!transport.has_tls() && !transport.tls_client_ca_file.empty()) {
    server.fail("tls_client_ca_file", "is of no use without tls_cert_file and tls_key_file");
  }
  server.finish();
}

// What an address that other machines can reach lacks, as advice; empty: nothing.  A service has
// keys of its own there.
std::string lacks(const Config& config, bool has_service) {
  std::string advice;
  if (config.api_key_file.empty() && !has_service) advice = "set api_key_file";
  if (!config.transport.has_tls() && !config.transport.allow_plain) {
    advice += advice.empty() ? "" : ", and ";
    advice +=
        "set tls_cert_file and tls_key_file in [server], or allow_plain = true there if nobody "
        "can read along on the way";
  }
  return advice;
}

void check_listen(const Config& config, Section& top, std::string_view key,
                  const std::string& listen) {
  const std::optional<bool> is_near = listens_on_loopback(listen);
  if (!is_near) {
    top.fail(key, "must be like \"tcp://127.0.0.1:8080\", not \"" + listen + "\"");
    return;
  }
  const std::string advice = *is_near ? std::string() : lacks(config, top.has("service"));
  if (advice.empty()) return;
  top.fail(key, "\"" + listen + "\" can be reached from other machines; " + advice +
                    "; or listen on 127.0.0.1");
}

}  // namespace

std::optional<bool> listens_on_loopback(std::string_view listen) {
  const auto parts = split_listen(listen);
  if (!parts) return std::nullopt;
  return is_loopback(parts->first);
}

void read_listen(Config& config, Section& top) {
  top.text("listen", config.listen);
  top.path("api_key_file", config.api_key_file);
  read_transport(config.transport, top.section("server"));
  check_listen(config, top, "listen", config.listen);
}

void read_resp_listen(Config& config, Section& top) {
  std::string listen;
  top.text("resp_listen", listen);
  if (listen.empty()) return;
  check_listen(config, top, "resp_listen", listen);
  if (!config.service) {
    return top.fail("resp_listen", "serves clients' records: there must be a section [service]");
  }
  config.service->resp_listen = std::move(listen);
}

}  // namespace headrace::config
