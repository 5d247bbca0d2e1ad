#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "config/parts.h"
#include "core/nearest.h"
#include "headrace/key.h"

namespace headrace::config {

namespace {

constexpr std::size_t headers_max = 64;
constexpr std::size_t headers_bytes_max = 256 << 10;

bool is_name(std::string_view name) {
  constexpr std::string_view letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !name.empty() && name.size() <= name_bytes_max &&
         name.find_first_not_of(letters) == std::string_view::npos;
}

// Headers that the client sets itself.
bool is_reserved(std::string_view name) {
  constexpr std::string_view reserved[] = {
      "host", "connection", "content-length", "transfer-encoding", "if-none-match", "accept"};
  return std::ranges::any_of(
      reserved, [name](std::string_view one) { return edit_distance(one, name) == 0; });
}

bool is_token(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [&marks](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// What is wrong with a line of a headers file, never repeating it: it holds secrets.
std::string take_header(std::string_view line, HttpOriginOptions& options) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || !is_token(name)) return "is not like `Name: value`";
  if (is_reserved(name)) return "names a header that Headrace sets itself";
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (value.find('\0') != std::string_view::npos) return "contains a zero byte";
  if (options.headers.size() >= headers_max) return "is one header too many; 64 are allowed";
  options.headers.emplace_back(name, value);
  return "";
}

void read_headers(Section& section, const std::string& path, HttpOriginOptions& options) {
  std::ifstream file(path);
  if (!file) {
    section.fail("headers_file", "\"" + path + "\" cannot be opened: " + std::strerror(errno));
    return;
  }
  std::string all(headers_bytes_max + 1, '\0');
  file.read(all.data(), static_cast<std::streamsize>(all.size()));
  all.resize(static_cast<std::size_t>(file.gcount()));
  if (all.size() > headers_bytes_max) {
    section.fail("headers_file",
                 "\"" + path + "\" has more than " + std::to_string(headers_bytes_max) + " bytes");
    return;
  }
  std::istringstream lines(std::move(all));
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    if (const std::string fault = take_header(text, options); !fault.empty()) {
      section.fail("headers_file",
                   "line " + std::to_string(number) + " of \"" + path + "\" " + fault);
      return;
    }
  }
}

void check_url(Section& section, const std::string& url) {
  const std::size_t scheme = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  const std::string_view rest = std::string_view(url).substr(scheme);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (scheme == 0 || authority.empty()) {
    section.fail("url", "must begin with http:// or https:// and a host");
  } else if (authority.find('@') != std::string_view::npos) {
    section.fail("url", "must not hold a user or a password; put them into headers_file");
  } else if (rest.find_first_of("?#") != std::string_view::npos) {
    section.fail("url", "must end before `?` and `#`; parameters belong into a policy's path");
  }
}

SqliteDatabaseOptions read_sqlite(Section& section) {
  SqliteDatabaseOptions options;
  const bool given = section.path("path", options.path);
  if (!section.has("path")) section.fail("path is missing: the SQLite file");
  if (given && options.path.empty()) section.fail("path", "must not be empty");
  section.count("threads", options.threads, 1, 256);
  section.count("queue_max", options.queue_max, 1, 1'000'000);
  section.range("delay", options.delay_min, options.delay_max);
  section.truth("writable", options.writable);
  return options;
}

HttpOriginOptions read_http(Section& section) {
  HttpOriginOptions options;
  if (section.text("url", options.url)) {
    check_url(section, options.url);
  } else if (!section.has("url")) {
    section.fail("url is missing: \"http://host\" or \"https://host/path\"");
  }
  std::string headers_file;
  if (section.path("headers_file", headers_file)) read_headers(section, headers_file, options);
  section.path("ca_file", options.ca_file);
  section.count("connections_max", options.connections_max, 1, 100'000);
  section.count("queue_max", options.queue_max, 1, 1'000'000);
  section.count("tries_max", options.tries_max, 1, 20);
  section.duration("retry_after", options.retry_after);
  section.bytes("body_bytes_max", options.body_bytes_max, 1024);
  return options;
}

// By its name or in a URI.
bool tells_password(std::string_view connection) {
  const std::size_t scheme = connection.find("://");
  const std::size_t at = connection.find('@');
  const bool is_in_uri = scheme != std::string_view::npos && at != std::string_view::npos &&
                         connection.substr(scheme + 3, at - scheme - 3).contains(':');
  return is_in_uri || connection.contains("password");
}

PostgresSourceConfig read_postgres(Section& section) {
  PostgresSourceConfig source;
  PostgresDatabaseOptions& options = source.options;
  read_postgres_login(section, options.connection, source.password_file);
  section.count("sessions", options.sessions, 1, 256);
  section.count("queue_max", options.queue_max, 1, 1'000'000);
  section.duration("connect_within", options.connect_within);
  if (options.connect_within <= Duration::zero()) {
    section.fail("connect_within", "must be more than zero");
  }
  section.truth("writable", options.writable);
  return source;
}

void check_address(Section& section, std::string_view key, const std::string& address) {
  const std::string fault = fault_of_address(address);
  // What the file does not say is not its fault.
  if (section.has(key) && !fault.empty()) section.fail(key, fault);
}

// gRPC sends these with each call, and can send nothing else.
void check_id(Section& section, std::string_view key, const std::string& id) {
  const auto is_sound = [](char c) { return c > ' ' && c <= '~' && c != '/'; };
  if (std::ranges::all_of(id, is_sound)) return;
  section.fail(key, "must have only printable ASCII characters, no spaces and no \"/\"");
}

}  // namespace

void read_postgres_login(Section& section, std::string& connection, std::string& password_file) {
  section.text("connection", connection);
  if (connection.empty()) {
    section.fail("connection",
                 "must say where the database is, as \"host=db dbname=app user=headrace "
                 "sslmode=verify-full\"");
  } else if (tells_password(connection)) {
    section.fail("connection",
                 "must not hold a password; write it into a file and set password_file");
  }
  section.path("password_file", password_file);
}

FirestoreDatabaseOptions read_firestore_database(Section& section, const std::string& emulator) {
  FirestoreDatabaseOptions options;
  options.emulator = emulator;
  section.text("project", options.project);
  if (options.project.empty()) section.fail("project is missing: the id of the Google project");
  check_id(section, "project", options.project);
  section.text("database", options.database);
  check_id(section, "database", options.database);
  section.text("emulator", options.emulator);
  check_address(section, "emulator", options.emulator);
  section.text("endpoint", options.endpoint);
  check_address(section, "endpoint", options.endpoint);
  section.path("credentials_file", options.credentials_file);
  section.path("ca_file", options.ca_file);
  section.count("channels", options.channels, 0, 256);
  section.count("calls_max", options.calls_max, 1, 100'000);
  section.count("queue_max", options.queue_max, 1, 1'000'000);
  section.count("tries_max", options.tries_max, 1, 20);
  section.duration("retry_after", options.retry_after);
  section.duration("retry_after_max", options.retry_after_max);
  return options;
}

std::string fault_of_address(std::string_view address) {
  if (address.empty() || (address.contains(':') && !address.contains('/'))) return "";
  return "must be like \"127.0.0.1:8080\": a host and a port, without a scheme";
}

void read_source(Config& config, std::string name, Section section) {
  SourceConfig source{.name = std::move(name), .place = section.place()};
  if (!is_name(source.name)) section.fail("a source's name is 1 to 64 of a-z A-Z 0-9 - _ .");
  std::string kind;
  const bool has_kind = section.choice("kind", kind, {"sqlite", "http", "firestore", "postgres"});
  if (!section.has("kind")) {
    section.fail("kind is missing: \"sqlite\", \"postgres\", \"http\" or \"firestore\"");
  }
  section.texts("never_cache", source.never_cache);
  source.read_price_per_100k = config.prices.read_per_100k;
  source.write_price_per_100k = config.prices.write_per_100k;
  source.delete_price_per_100k = config.prices.delete_per_100k;
  section.number("read_price_per_100k", source.read_price_per_100k, 0, 1e6);
  section.number("write_price_per_100k", source.write_price_per_100k, 0, 1e6);
  section.number("delete_price_per_100k", source.delete_price_per_100k, 0, 1e6);
  if (kind == "sqlite") source.options = read_sqlite(section);
  if (kind == "postgres") source.options = read_postgres(section);
  if (kind == "http") source.options = read_http(section);
  if (kind == "firestore") {
    FirestoreDatabaseOptions options = read_firestore_database(section, config.firestore_emulator);
    section.truth("writable", options.writable);
    source.options = std::move(options);
  }
  // Without a kind nobody can say which of the other keys are right.
  if (has_kind) section.finish();
  config.sources.push_back(std::move(source));
}

}  // namespace headrace::config
