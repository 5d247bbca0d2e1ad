#include "io/address.h"

#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace headrace::io {

namespace {

Result<Address> bad_address(std::string_view text, std::string_view why) {
  return failure(Code::invalid_argument,
                 "\"" + std::string(text) + "\" is not an address: " + std::string(why) +
                     "; write for example tcp://127.0.0.1:8080, [::1]:8080 or :8080");
}

}  // namespace

bool Address::is_loopback() const {
  if (host == "localhost") return true;
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(host, error);
  return !error && ip.is_loopback();
}

Result<Address> parse_address(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("tcp://")) rest.remove_prefix(6);
  if (rest.contains("://")) return bad_address(text, "the only scheme is tcp://");
  Address address;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return bad_address(text, "the bracket is not closed");
    address.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else {
    const std::size_t colon = rest.find(':');
    if (colon != std::string_view::npos && rest.find(':', colon + 1) != std::string_view::npos) {
      return bad_address(text, "an IPv6 address stands in brackets");
    }
    address.host = rest.substr(0, colon);
    rest.remove_prefix(address.host.size());
  }
  if (address.host.find_first_of(" \t/@?#") != std::string::npos) {
    return bad_address(text, "the host must be a name or an IP address alone");
  }
  if (rest.size() < 2 || rest.front() != ':') return bad_address(text, "it has no port");
  const char* end = rest.data() + rest.size();
  const auto parsed = std::from_chars(rest.data() + 1, end, address.port);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return bad_address(text, "the port must be a number from 0 to 65535");
  }
  return address;
}

std::string to_string(const Address& address) {
  const bool is_v6 = address.host.contains(':');
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace headrace::io
