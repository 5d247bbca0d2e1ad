// The command `explain`: the whole story of one entry, as people read it.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "commands/commands.h"
#include "commands/remote.h"
#include "terminal.h"
#include "wire/uri.h"

namespace headrace::app {

namespace {

namespace json = boost::json;

std::string seconds(const json::value& object, std::string_view name) {
  const double value = number_of(object, name);
  const Duration length(static_cast<std::int64_t>(std::abs(value) * 1e9));
  return (value < 0 ? "-" : "") + short_time(length);
}

bool is_true(const json::value& object, std::string_view name) {
  return text_of(object, name) == "true";
}

void print_tier(std::string_view name, const json::value& story, bool colours) {
  const json::value* tier = story.as_object().if_contains(name);
  if (tier == nullptr) return;
  const bool present = is_true(*tier, "present");
  const std::string state = text_of(*tier, "state");
  fmt::print("\n{}\n", painted(name, Colour::bold, colours));
  fmt::print("  {}\n",
             present
                 ? fmt::format("{} {}, {}", state, text_of(*tier, "kind"),
                               short_bytes(static_cast<std::uint64_t>(number_of(*tier, "bytes"))))
             : state.empty() ? "nothing"
                             : state);
  if (!present) return;
  fmt::print("  the source was read {} ago{}\n", seconds(*tier, "age"),
             text_of(*tier, "read_at").empty() ? "" : ", at " + text_of(*tier, "read_at"));
  fmt::print("  fresh for {} more; gone in {}\n", seconds(*tier, "fresh_left"),
             seconds(*tier, "gone_in"));
  for (const char* token : {"id", "lease", "revision"}) {
    if (!text_of(*tier, token).empty()) fmt::print("  {:9}{}\n", token, text_of(*tier, token));
  }
}

void print_watermarks(const json::value& story, bool colours) {
  const json::value* marks = story.as_object().if_contains("watermarks");
  if (marks == nullptr || !marks->is_array() || marks->as_array().empty()) return;
  fmt::print("\n{}\n", painted("depends on", Colour::bold, colours));
  for (const json::value& mark : marks->as_array()) {
    const bool known = !text_of(mark, "then").empty();
    const bool holds = is_true(mark, "holds");
    const std::string said = !known ? "not kept under it" : holds ? "holds" : "replaced since";
    fmt::print(
        "  {:28} {}  {}\n", text_of(mark, "name"),
        painted(fmt::format("{:18}", said), !known || holds ? Colour::none : Colour::red, colours),
        text_of(mark, "now"));
  }
}

void print_story(const json::value& story) {
  const bool colours = wants_colour(stdout);
  fmt::print("{}\n", painted(text_of(story, "policy") + " " + text_of(story, "entity"),
                             Colour::bold, colours));
  fmt::print("  {}\n", text_of(story, "verdict"));
  fmt::print("  version {}, rollout {}, level {}, bound {}{}\n", text_of(story, "version"),
             text_of(story, "rollout"), text_of(story, "level"), seconds(story, "bound"),
             is_true(story, "cached") ? "" : "; not read through the cache");
  if (is_true(story, "flight")) fmt::print("  a load runs now\n");
  if (is_true(story, "quarantined")) {
    fmt::print("  an invalidation has not reached the store yet, so the store is not asked\n");
  }
  if (number_of(story, "failures") > 0) {
    fmt::print("  its refresh has failed {} times in a row\n", text_of(story, "failures"));
  }
  print_tier("memory", story, colours);
  print_tier("store", story, colours);
  print_watermarks(story, colours);
  fmt::print("\n  key in the store: {}\n", text_of(story, "store_key"));
}

}  // namespace

int explain(const ExplainCommand& command) {
  wire::Request request{.target =
                            fmt::format("/v1/explain/{}/{}", wire::percent_encode(command.policy),
                                        wire::percent_encode(command.entity))};
  const auto response = ask(command.remote, std::move(request));
  if (!response) return response.error();
  if (response->status == 404) {
    tell_problem(*response);
    return exit_usage;
  }
  const auto story = json_of(response->body);
  if (command.remote.json || !story || !story->is_object()) {
    fmt::print("{}\n", response->body);
  } else {
    print_story(*story);
  }
  return exit_ok;
}

}  // namespace headrace::app
