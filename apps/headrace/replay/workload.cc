#include "replay/workload.h"

#include <algorithm>
#include <cmath>

namespace headrace::replay {

namespace {

using namespace std::chrono_literals;

Profile frequency_setting() {
  return {.id = "W2",
          .title = "frequency-setting",
          .shape = Shape::streams,
          .actors = 500,
          .stream_min = 30min,
          .stream_max = 240min,
          .writes_per_second = 2,
          .source_min = 359ms,
          .source_max = 359ms,
          .fresh_for = 1h,
          .policies = {{.name = "frequency", .fields = {"id", "frequency", "version"}}}};
}

Profile session_start() {
  return {.id = "W5",
          .title = "session-start",
          .shape = Shape::connects,
          .actors = 40,
          .reads_min = 6,
          .reads_max = 9,
          .missing_share = 0.02,
          .writes_per_second = 1,
          .source_min = 5ms,
          .source_max = 20ms,
          .fresh_for = 1h,
          .policies = {{.name = "user",
                        .fields = {"id", "name", "email", "locale", "theme", "frequency",
                                   "notifications", "version"}}}};
}

// Spreads the popular ranks over the numbers of users, one to one.
std::uint64_t user_of(std::uint64_t rank, std::uint64_t users) {
  constexpr std::uint64_t prime = 2'654'435'761;
  return users % prime == 0 ? rank : (rank % users) * (prime % users) % users;
}

}  // namespace

Result<Profile> profile_named(std::string_view name) {
  if (name == "W2" || name == "w2" || name == "frequency-setting") return frequency_setting();
  if (name == "W5" || name == "w5" || name == "session-start") return session_start();
  return failure(Code::invalid_argument, "there is no workload \"" + std::string(name) +
                                             "\"; known are W2 (frequency-setting) and W5 "
                                             "(session-start)");
}

const std::vector<std::string>& user_fields() {
  static const std::vector<std::string> fields = {
      "id",        "name",          "email",   "locale",    "theme",
      "frequency", "notifications", "version", "updated_at"};
  return fields;
}

Duration Chance::between(Duration low, Duration high) {
  const auto span = static_cast<double>((high - low).count());
  return low + Duration(static_cast<std::int64_t>(unit() * span));
}

Duration Chance::until_next(double per_second) {
  return Duration(static_cast<std::int64_t>(-std::log(1.0 - unit()) / per_second * 1e9));
}

Popularity::Popularity(const Profile& profile)
    : users_(profile.users),
      missing_(std::max<std::uint64_t>(profile.users / 10, 1)),
      missing_share_(profile.missing_share),
      up_to_(profile.users) {
  double sum = 0;
  for (std::uint64_t rank = 0; rank < users_; ++rank) {
    sum += std::pow(static_cast<double>(rank + 1), -profile.zipf);
    up_to_[rank] = sum;
  }
  for (double& share : up_to_) share /= sum;
}

std::uint64_t Popularity::user(Chance& chance) const {
  const auto found = std::ranges::lower_bound(up_to_, chance.unit());
  const auto rank = static_cast<std::uint64_t>(found - up_to_.begin());
  return user_of(std::min(rank, users_ - 1), users_);
}

std::uint64_t Popularity::user_or_missing(Chance& chance) const {
  if (chance.unit() >= missing_share_) return user(chance);
  return users_ + chance.below(missing_);
}

Visits::Visits(Profile profile, std::uint64_t seed)
    : profile_(std::move(profile)), chance_(seed), popularity_(profile_) {
  if (profile_.shape != Shape::streams) return;
  const auto interval = Duration(static_cast<std::int64_t>(1e9 / profile_.reads_per_second));
  for (std::size_t i = 0; i < static_cast<std::size_t>(profile_.actors); ++i) {
    const Duration length = chance_.between(profile_.stream_min, profile_.stream_max);
    // Met in the midst of it: some streams end soon, others go on for hours.
    streams_.push({.at = chance_.between(0ns, interval),
                   .ends = chance_.between(0ns, length),
                   .user = popularity_.user_or_missing(chance_)});
  }
}

Visit Visits::next() {
  return profile_.shape == Shape::streams ? next_of_streams() : next_connect();
}

Visit Visits::next_of_streams() {
  Stream stream = streams_.top();
  streams_.pop();
  if (stream.at >= stream.ends) {
    stream.user = popularity_.user_or_missing(chance_);
    stream.ends = stream.at + chance_.between(profile_.stream_min, profile_.stream_max);
  }
  const auto policy = static_cast<std::uint8_t>(chance_.below(profile_.policies.size()));
  Visit visit{.at = stream.at, .user = stream.user, .policies = {policy}};
  stream.at += Duration(static_cast<std::int64_t>(1e9 / profile_.reads_per_second));
  streams_.push(stream);
  return visit;
}

Visit Visits::next_connect() {
  now_ += chance_.until_next(profile_.actors);
  Visit visit{.at = now_, .user = popularity_.user_or_missing(chance_)};
  const std::size_t reads =
      profile_.reads_min + chance_.below(profile_.reads_max - profile_.reads_min + 1);
  // Each getter once, then those that are called again.
  for (std::size_t i = 0; i < reads; ++i) {
    const std::uint64_t getter =
        i < profile_.policies.size() ? i : chance_.below(profile_.policies.size());
    visit.policies.push_back(static_cast<std::uint8_t>(getter));
  }
  return visit;
}

Edits::Edits(const Profile& profile, std::uint64_t seed)
    : per_second_(profile.writes_per_second), chance_(~seed), popularity_(profile) {}

Edit Edits::next() {
  if (per_second_ <= 0) return {.at = Duration::max()};
  now_ += chance_.until_next(per_second_);
  return {.at = now_, .user = popularity_.user_or_missing(chance_)};
}

}  // namespace headrace::replay
