#include "serve/feeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "headrace/feeds/decoding.h"
#include "headrace/feeds/firestore.h"
#include "headrace/feeds/postgres.h"
#include "headrace/feeds/sqlite.h"
#include "serve/log.h"
#include "serve/passwords.h"

namespace headrace::app {

namespace {

// What a feed that works needs at most until its first proof.
constexpr Duration first_proof_within = std::chrono::seconds(5);

Result<std::unique_ptr<Feed>> open(const config::FeedOptions& options, Runtime& runtime) {
  if (const auto* firestore = std::get_if<FirestoreFeedOptions>(&options)) {
    return open_firestore_feed(*firestore, runtime, runtime, runtime);
  }
  if (const auto* decoding = std::get_if<PostgresDecodingOptions>(&options)) {
    return open_postgres_decoding(*decoding, runtime, runtime);
  }
  if (const auto* sqlite = std::get_if<SqliteFeedOptions>(&options)) {
    return open_sqlite_feed(*sqlite, runtime, runtime);
  }
  return open_postgres_feed(std::get<PostgresFeedOptions>(options), runtime, runtime);
}

}  // namespace

Result<config::FeedOptions> feed_options(const config::Config& config,
                                         const config::FeedConfig& feed) {
  const config::SourceConfig& asked = *config.find_source(feed.source);
  if (const auto* firestore = std::get_if<FirestoreFeedOptions>(&feed.options)) {
    FirestoreFeedOptions options = *firestore;
    options.database = std::get<FirestoreDatabaseOptions>(asked.options);
    return options;
  }
  if (const auto* sqlite = std::get_if<SqliteFeedOptions>(&feed.options)) {
    SqliteFeedOptions options = *sqlite;
    options.path = std::get<SqliteDatabaseOptions>(asked.options).path;
    return options;
  }
  const auto& source = std::get<config::PostgresSourceConfig>(asked.options);
  auto password = first_line_of(source.password_file);
  if (!password) return std::unexpected(std::move(password.error()));
  PostgresLogin login{.connection = source.options.connection,
                      .password = std::move(*password),
                      .connect_within = source.options.connect_within};
  if (const auto* decoding = std::get_if<PostgresDecodingOptions>(&feed.options)) {
    PostgresDecodingOptions options = *decoding;
    options.login = std::move(login);
    return options;
  }
  PostgresFeedOptions options = std::get<PostgresFeedOptions>(feed.options);
  options.login = std::move(login);
  return options;
}

Result<std::vector<Feeds::Wanted>> Feeds::wanted_of(const config::Config& config,
                                                    const Bindings& bindings) {
  std::vector<Wanted> all;
  for (const config::FeedConfig& feed : config.feeds) {
    auto options = feed_options(config, feed);
    if (!options) {
      return failure(options.error().code, "feeds." + feed.name + ": " + options.error().what);
    }
    Wanted& wanted = all.emplace_back(
        Wanted{.name = feed.name, .feed = *std::move(options), .cover = feed.cover});
    if (auto* const postgres = std::get_if<PostgresFeedOptions>(&wanted.feed)) {
      wanted.cover.database = postgres->database = bindings.identity_of(feed.source);
    } else if (auto* const decoding = std::get_if<PostgresDecodingOptions>(&wanted.feed)) {
      wanted.cover.database = decoding->database = bindings.identity_of(feed.source);
    } else if (auto* const sqlite = std::get_if<SqliteFeedOptions>(&wanted.feed)) {
      wanted.cover.database = sqlite->database = bindings.identity_of(feed.source);
    } else {
      wanted.cover.database = identity_of(std::get<FirestoreFeedOptions>(wanted.feed).database);
    }
  }
  return all;
}

// Nothing is begun, nor taken from those that run, before all could be opened.
Result<void> Feeds::start(const config::Config& config, const Bindings& bindings) {
  const auto all = wanted_of(config, bindings);
  if (!all) return std::unexpected(all.error());
  {
    const std::scoped_lock lock(mutex_);
    if (std::ranges::equal(*all, running_, {}, {}, &Running::wanted)) return {};
  }
  std::vector<Running> next;
  for (const Wanted& wanted : *all) {
    auto opened = open(wanted.feed, runtime_);
    if (!opened) {
      return failure(opened.error().code, "feeds." + wanted.name + ": " + opened.error().what);
    }
    next.push_back({.wanted = wanted,
                    .cover = std::make_unique<FeedCover>(engine_, wanted.cover),
                    .feed = std::move(*opened),
                    .began = runtime_.now()});
  }
  replace(std::move(next));
  return {};
}

// A policy that one of the next covers is at no moment answered as if none did.
void Feeds::replace(std::vector<Running> next) {
  std::vector<Running> before;
  {
    const std::scoped_lock lock(mutex_);
    before.swap(running_);
  }
  for (Running& one : before) one.feed->close();
  for (Running& one : next) one.cover->begin();
  for (const Running& one : before) {
    for (const std::string& policy : one.wanted.cover.policies) {
      const bool is_covered = std::ranges::any_of(next, [&policy](const Running& of) {
        return std::ranges::count(of.wanted.cover.policies, policy) > 0;
      });
      if (!is_covered) engine_.cover(policy, Instant::max());
    }
  }
  for (Running& one : next) one.feed->begin(*one.cover);
  const std::scoped_lock lock(mutex_);
  running_ = std::move(next);
}

void Feeds::end() {
  replace({});
}

http::FeedView Feeds::view(const Running& running) const {
  http::FeedView view{.name = running.wanted.name, .health = running.feed->health()};
  const Instant proved = running.cover->last_proved();
  const Instant now = runtime_.now();
  if (proved != Instant::min()) view.proved_ago = std::max(Duration::zero(), now - proved);
  // A proof may not count yet: what others were told is still to be heard.
  const bool some_wait =
      std::ranges::any_of(running.wanted.cover.policies, [this](const auto& one) {
        const PolicyHandle policy = engine_.find(one);
        return policy && !engine_.is_covered(policy);
      });
  view.is_behind = some_wait || !view.proved_ago || *view.proved_ago >= running.wanted.cover.bound;
  return view;
}

std::vector<http::FeedView> Feeds::views() const {
  const std::scoped_lock lock(mutex_);
  std::vector<http::FeedView> all;
  for (const Running& one : running_) all.push_back(view(one));
  return all;
}

// A feed that has just begun is behind until its first proof; that is told of if it lasts.
void Feeds::watch() {
  const std::scoped_lock lock(mutex_);
  for (Running& one : running_) {
    const http::FeedView now = view(one);
    const bool lasts = runtime_.now() > one.began + first_proof_within;
    if (now.is_behind == one.was_behind && (one.was_told || !lasts)) continue;
    one.was_behind = now.is_behind;
    one.was_told = true;
    if (!now.is_behind) {
      log_info(fmt::format("feed {}: it tells of all changes", one.wanted.name));
      continue;
    }
    const bool bypasses = one.wanted.cover.when_behind == FeedCoverOptions::Behind::bypass;
    log_warning(fmt::format(
        "feed {}: it is behind{}; the policies that it covers are answered {}", one.wanted.name,
        now.health.trouble.empty() ? "" : " (" + now.health.trouble + ")",
        bypasses ? "by their source meanwhile" : "within their own times, and may miss changes"));
  }
}

}  // namespace headrace::app
