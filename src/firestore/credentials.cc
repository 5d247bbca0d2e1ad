#include "firestore/credentials.h"

#include <stdlib.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "firestore/json_tree.h"

namespace headrace::firestore {

namespace {

constexpr std::size_t file_bytes_max = 4 << 20;
constexpr char system_authorities[] = "/etc/ssl/certs/ca-certificates.crt";
// What a service account's own tokens need not name, and an external account's have to.
constexpr char scope[] = "https://www.googleapis.com/auth/datastore";
constexpr long token_seconds = 3600;

Result<std::string> text_of(const std::string& option, const std::string& path) {
  // Not by iterators over the file: of a folder they throw.
  std::ostringstream read;
  read << std::ifstream(path, std::ios::binary).rdbuf();
  std::string text = std::move(read).str();
  if (!text.empty() && text.size() <= file_bytes_max) return text;
  return failure(Code::invalid_argument,
                 option + ": \"" + path + "\" cannot be read, is empty or is too large");
}

std::optional<std::string> variable(const char* name) {
  const char* const value = ::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

// Where Google's own programs look for application default credentials.
std::string default_file() {
  if (auto named = variable("GOOGLE_APPLICATION_CREDENTIALS")) return *named;
  std::filesystem::path folder;
  if (const auto configured = variable("CLOUDSDK_CONFIG")) {
    folder = *configured;
  } else if (const auto home = variable("HOME")) {
    folder = std::filesystem::path(*home) / ".config" / "gcloud";
  }
  const std::filesystem::path path = folder / "application_default_credentials.json";
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? path.string() : std::string();
}

std::string member(const JsonTree& tree, std::string_view name) {
  const auto at = std::ranges::find(tree.names, name);
  if (at == tree.names.end()) return "";
  const JsonTree& value = tree.items[static_cast<std::size_t>(at - tree.names.begin())];
  return value.is == JsonTree::Is::string ? value.text : "";
}

struct Caller {
  std::shared_ptr<grpc::CallCredentials> credentials{};
  std::string quota_project{};
};

Result<Caller> caller_of(const std::string& path) {
  const Result<std::string> text = text_of("credentials_file", path);
  if (!text) return std::unexpected(text.error());
  const auto wrong = [&path](const std::string& why) {
    return failure(Code::invalid_argument, "credentials_file: \"" + path + "\" " + why);
  };
  const Result<JsonTree> tree = parse_json(*text);
  if (!tree || tree->is != JsonTree::Is::object) return wrong("is no JSON object");
  const std::string type = member(*tree, "type");
  Caller caller{.quota_project = member(*tree, "quota_project_id")};
  if (!can_be_metadata(caller.quota_project)) {
    return wrong(
        "has a \"quota_project_id\" that is no project's id: those have only printable ASCII "
        "characters and no spaces");
  }
  if (type == "service_account") {
    caller.credentials = grpc::ServiceAccountJWTAccessCredentials(*text, token_seconds);
  } else if (type == "authorized_user") {
    caller.credentials = grpc::GoogleRefreshTokenCredentials(*text);
  } else if (type == "external_account") {
    caller.credentials = grpc::ExternalAccountCredentials(*text, {scope});
  } else {
    return wrong(
        "has no known \"type\"; a service account's key, a user's credentials and an external "
        "account's are understood");
  }
  if (!caller.credentials) return wrong("has no usable key or token in it; fetch it again");
  return caller;
}

}  // namespace

bool can_be_metadata(std::string_view value) noexcept {
  return std::ranges::all_of(value, [](char c) { return c > ' ' && c <= '~'; });
}

Result<Credentials> make_credentials(const FirestoreDatabaseOptions& options) {
  if (!options.emulator.empty()) {
    return Credentials{.channel = grpc::InsecureChannelCredentials()};
  }
  grpc::SslCredentialsOptions trust;
  std::error_code ignored;
  const std::string authorities = options.ca_file.empty() ? system_authorities : options.ca_file;
  if (!options.ca_file.empty() || std::filesystem::exists(authorities, ignored)) {
    Result<std::string> text = text_of("ca_file", authorities);
    if (!text) return std::unexpected(std::move(text.error()));
    trust.pem_root_certs = std::move(*text);
  }
  Caller caller;
  const std::string file =
      options.credentials_file.empty() ? default_file() : options.credentials_file;
  if (file.empty()) {
    caller.credentials = grpc::GoogleComputeEngineCredentials();
  } else {
    Result<Caller> found = caller_of(file);
    if (!found) return std::unexpected(std::move(found.error()));
    caller = std::move(*found);
  }
  return Credentials{
      .channel = grpc::CompositeChannelCredentials(grpc::SslCredentials(trust), caller.credentials),
      .quota_project = std::move(caller.quota_project)};
}

}  // namespace headrace::firestore
