#include "replay/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace headrace::replay {

namespace {

using namespace std::chrono_literals;

const std::vector<std::string>& all_fields(Collection collection) {
  return shape_of(collection).fields;
}

// Each check is one of a minute that a stream goes on, and each minute is used.
Workload allowance_check() {
  return {.id = "W1",
          .title = "allowance-check",
          .actors = 1300,
          .reads_per_second = 1.0 / 60,
          .stream_min = 30min,
          .stream_max = 240min,
          .zipf = 0,
          .edits = {{.per_second = 0.05}},
          .through = Through::allowances,
          .documents_per_read = 360,  // Of 0 to 720 hours of a month.
          .source_min = 50ms,
          .source_max = 400ms};
}

Workload frequency_setting() {
  return {.id = "W2",
          .title = "frequency-setting",
          .actors = 500,
          .stream_min = 30min,
          .stream_max = 240min,
          .questions = {{.name = "frequency",
                         .fields = {"id", "frequency", "version"},
                         .source_min = 359ms,
                         .source_max = 359ms}},
          .edits = {{.collection = Collection::users, .per_second = 2}}};
}

// Three parts that are asked for at once, so that a cold slice takes as long as one of them.
Workload feature_slice() {
  const auto part = [](const char* name, Collection collection, std::vector<std::string> fields) {
    return Question{.name = name,
                    .collection = collection,
                    .fields = std::move(fields),
                    .source_min = 2400ms,
                    .source_max = 2400ms};
  };
  return {.id = "W3",
          .title = "feature-slice",
          .actors = 300,
          .together = true,
          .stream_min = 30min,
          .stream_max = 240min,
          .questions = {part("feature-user", Collection::users,
                             {"id", "locale", "theme", "notifications", "version"}),
                        part("feature-apps", Collection::apps, all_fields(Collection::apps)),
                        part("feature-flags", Collection::flags, all_fields(Collection::flags))},
          .edits = {{.collection = Collection::apps, .per_second = 0.7},
                    {.collection = Collection::flags, .per_second = 0.3}}};
}

// One value that every instance wants, and that is large.
Workload shared_list() {
  return {.id = "W4",
          .title = "shared-list",
          .shape = Shape::connects,
          .actors = 16,
          .questions = {{.name = "shared",
                         .collection = Collection::shared,
                         .fields = all_fields(Collection::shared),
                         .source_min = 2s,
                         .source_max = 5s}},
          .edits = {{.collection = Collection::shared, .per_second = 0.05}}};
}

Workload session_start() {
  return {.id = "W5",
          .title = "session-start",
          .shape = Shape::connects,
          .actors = 40,
          .reads_min = 6,
          .reads_max = 9,
          .missing_share = 0.02,
          .questions = {{.name = "user",
                         .fields = all_fields(Collection::users),
                         .source_min = 5ms,
                         .source_max = 20ms}},
          .edits = {{.collection = Collection::users, .per_second = 1}}};
}

// One client in ten polls as often as the busiest that was reported.
Workload list_poll() {
  return {.id = "W6",
          .title = "list-poll",
          .actors = 200,
          .reads_per_second = 12.0 / 60,
          .busy_reads_per_second = 97.0 / 60,
          .busy_share = 0.1,
          .stream_min = 30min,
          .stream_max = 240min,
          .questions = {{.name = "items",
                         .collection = Collection::items,
                         .fields = all_fields(Collection::items),
                         .source_min = 20ms,
                         .source_max = 100ms}},
          .edits = {{.collection = Collection::items, .per_second = 2}}};
}

Workload missing_lookups() {
  return {.id = "W7",
          .title = "missing-lookups",
          .shape = Shape::connects,
          .actors = 936,
          .questions = {{.name = "lookup",
                         .collection = Collection::lookups,
                         .fields = all_fields(Collection::lookups),
                         .source_min = 5ms,
                         .source_max = 20ms}},
          .edits = {{.collection = Collection::lookups, .per_second = 1}}};
}

// Its edits are, in this order: of users, of domains, of what is public, and of a domain's rank.
Workload merged_config() {
  return {
      .id = "W10",
      .title = "merged-config",
      .shape = Shape::connects,
      .actors = 50,
      .reads_min = 3,
      .reads_max = 10,
      .edits = {{.per_second = 1}, {.per_second = 0.1}, {.per_second = 0.05}, {.per_second = 0.05}},
      .through = Through::merged_view,
      .names = 20,
      .source_min = 5ms,
      .source_max = 30ms};
}

// Its edits are, in this order: rows that are appended, a burst of them, old ones that are removed.
Workload state_summary() {
  return {.id = "W11",
          .title = "state-summary",
          .actors = 30,
          .reads_per_second = 1.0 / 60,
          .busy_reads_per_second = 1.0 / 15,
          .busy_share = 0.5,
          .stream_min = 30min,
          .stream_max = 240min,
          .edits = {{.per_second = 0.05}, {.per_second = 1.0 / 900}, {.per_second = 1.0 / 600}},
          .through = Through::snapshot,
          .documents_per_read = 20,
          .source_min = 200ms,
          .source_max = 400ms};
}

std::vector<Workload> fleet_workloads() {
  return {allowance_check(), frequency_setting(), feature_slice(),  shared_list(),
          session_start(),   list_poll(),         missing_lookups()};
}

std::vector<Workload> all_workloads() {
  std::vector<Workload> all = fleet_workloads();
  all.push_back(merged_config());
  all.push_back(state_summary());
  return all;
}

double documents_of(const Question& question) {
  const CollectionShape& shape = shape_of(question.collection);
  const double rows = (shape.rows_min + shape.rows_max) / 2.0;
  return shape.empty_share + (1 - shape.empty_share) * rows;  // What is empty costs one.
}

// Sets the actors so that the source would be billed for so many documents per second.
void set_documents(Workload& workload, double per_second) {
  workload.actors = 1;
  workload.actors = per_second / workload.documents_expected();
}

// Billed documents per second of the fleet, from workloads.md; docs/replay.md says which of these
// are reported and which follow.
Mix fleet() {
  constexpr double all = 4128;
  constexpr double checks = 0.30 * all;
  constexpr double streams = 0.31 * all;  // Each stream is one of W2 and one of W3.
  constexpr double single = 0.03 * all;
  constexpr double missing = 936;
  Mix mix{.name = "fleet", .speed = 10, .workloads = fleet_workloads()};
  const auto part = [&mix](std::string_view id) -> Workload& {
    return *std::ranges::find(mix.workloads, id, &Workload::id);
  };
  Workload& w2 = part("W2");
  Workload& w3 = part("W3");
  w2.actors = 1;
  w3.actors = 1;
  const double streams_at_once = streams / (w2.documents_expected() + w3.documents_expected());
  w2.actors = streams_at_once;
  w3.actors = streams_at_once;
  set_documents(part("W1"), checks);
  set_documents(part("W5"), single);
  set_documents(part("W7"), missing);
  const double lists = all - checks - streams - single - missing;
  Workload& w6 = part("W6");
  const double edits_of_each = w6.edits.front().per_second / w6.actors;
  set_documents(w6, lists - part("W4").documents_expected());
  w6.edits.front().per_second = edits_of_each * w6.actors;
  return mix;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, {}, [](unsigned char c) { return std::tolower(c); },
      [](unsigned char c) { return std::tolower(c); });
}

}  // namespace

double Workload::edits_per_second() const {
  double sum = 0;
  for (const EditRate& rate : edits) sum += rate.per_second;
  return sum;
}

std::uint64_t Workload::entities(const Population& population) const {
  switch (through) {
    case Through::policies: return count_of(population, questions.front().collection);
    case Through::allowances: {
      // Twice as many accounts as streams: some have none now, and some have two.
      return std::max<std::uint64_t>(64, static_cast<std::uint64_t>(actors * 2));
    }
    case Through::merged_view: return population.users;
    case Through::snapshot: return 1;
  }
  return 1;
}

double Workload::reads_expected() const {
  const double asked = together ? static_cast<double>(questions.size()) : 1;
  if (shape == Shape::connects) {
    return actors * static_cast<double>(reads_min + reads_max) / 2 * asked;
  }
  return actors * asked *
         (busy_share * busy_reads_per_second + (1 - busy_share) * reads_per_second);
}

double Workload::documents_expected() const {
  if (questions.empty()) return reads_expected() * documents_per_read;
  double sum = 0;
  for (const Question& question : questions) sum += documents_of(question);
  return reads_expected() * sum / static_cast<double>(questions.size());
}

std::vector<Question> Mix::questions() const {
  std::vector<Question> all;
  for (const Workload& workload : workloads) {
    all.insert(all.end(), workload.questions.begin(), workload.questions.end());
  }
  return all;
}

std::vector<Collection> Mix::collections() const {
  std::vector<Collection> used;
  for (const Question& question : questions()) used.push_back(question.collection);
  std::ranges::sort(used);
  const auto repeated = std::ranges::unique(used);
  used.erase(repeated.begin(), repeated.end());
  return used;
}

Result<Mix> mix_named(std::string_view name) {
  if (same_name(name, "fleet")) return fleet();
  std::string known;
  for (Workload& workload : all_workloads()) {
    if (same_name(name, workload.id) || same_name(name, workload.title)) {
      Mix mix{.name = workload.id + " " + workload.title};
      mix.workloads.push_back(std::move(workload));
      return mix;
    }
    known += fmt::format("{} ({}), ", workload.id, workload.title);
  }
  return failure(
      Code::invalid_argument,
      fmt::format("there is no workload \"{}\"; known are {}and fleet, which is W1 to W7 "
                  "at once",
                  name, known));
}

void scale(Mix& mix, double scale) {
  if (mix.workloads.size() == 1) {
    mix.workloads.front().actors = scale;
    return;
  }
  for (Workload& workload : mix.workloads) {
    workload.actors *= scale;
    for (EditRate& rate : workload.edits) rate.per_second *= scale;
  }
}

std::string leave_out_acts(Mix& mix) {
  std::string ids;
  std::erase_if(mix.workloads, [&ids](const Workload& workload) {
    if (workload.through == Through::policies) return false;
    ids += (ids.empty() ? "" : ", ") + workload.id;
    return true;
  });
  return ids;
}

void set_edit_rate(Mix& mix, double per_second) {
  double sum = 0;
  for (const Workload& workload : mix.workloads) sum += workload.edits_per_second();
  for (Workload& workload : mix.workloads) {
    for (EditRate& rate : workload.edits) rate.per_second *= sum > 0 ? per_second / sum : 0;
  }
}

}  // namespace headrace::replay
