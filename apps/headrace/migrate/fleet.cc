#include "migrate/fleet.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

namespace headrace::app {

namespace {

constexpr std::string_view route = "/v1/admin/migration";

}  // namespace

std::expected<ServerPhase, int> Fleet::asked(const std::string& url, wire::Request request) const {
  const Remote remote{.url = url, .api_key_file = api_key_file_};
  auto response = ask(remote, std::move(request));
  if (!response) return std::unexpected(response.error());
  const auto told = json_of(response->body);
  if (response->status == 404 || !told) {
    fmt::print(stderr,
               "headrace: {} has no [migration] in its configuration; add the section to every "
               "server's and start them again\n",
               url);
    return std::unexpected(exit_conflict);
  }
  return ServerPhase{
      .url = url,
      .phase = text_of(*told, "phase"),
      .phase_of_next_start = text_of(*told, "phase_of_next_start"),
      .from = text_of(*told, "from"),
      .to = text_of(*told, "to"),
      .new_in = Duration(static_cast<std::int64_t>(number_of(*told, "new_in_s") * 1e9)),
      .told = *told};
}

std::expected<std::vector<ServerPhase>, int> Fleet::look() const {
  std::vector<ServerPhase> all;
  for (const std::string& url : urls_) {
    auto one = asked(url, {.method = "GET", .target = std::string(route)});
    if (!one) return std::unexpected(one.error());
    all.push_back(std::move(*one));
  }
  return all;
}

std::expected<ServerPhase, int> Fleet::set(const std::string& url, std::string_view phase) const {
  wire::Request request{.method = "POST", .target = std::string(route)};
  request.headers = {{"Content-Type", "application/json"}};
  request.body = boost::json::serialize(boost::json::object{{"phase", phase}});
  return asked(url, std::move(request));
}

}  // namespace headrace::app
