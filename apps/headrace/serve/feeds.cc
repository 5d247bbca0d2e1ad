#include "serve/feeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "headrace/feeds/postgres.h"
#include "serve/log.h"
#include "serve/passwords.h"

namespace headrace::app {

namespace {

// What a feed that works needs at most until its first proof.
constexpr Duration first_proof_within = std::chrono::seconds(5);

}  // namespace

Result<PostgresFeedOptions> feed_options(const config::Config& config,
                                         const config::FeedConfig& feed) {
  const auto& source =
      std::get<config::PostgresSourceConfig>(config.find_source(feed.source)->options);
  auto password = first_line_of(source.password_file);
  if (!password) return std::unexpected(std::move(password.error()));
  PostgresFeedOptions options = feed.options;
  options.login.connection = source.options.connection;
  options.login.password = std::move(*password);
  options.login.connect_within = source.options.connect_within;
  return options;
}

Result<Feeds::Running> Feeds::open(const config::Config& config, const config::FeedConfig& feed,
                                   const Bindings& bindings) {
  auto options = feed_options(config, feed);
  if (!options) return std::unexpected(std::move(options.error()));
  options->database = bindings.identity_of(feed.source);
  FeedCoverOptions cover = feed.cover;
  cover.database = options->database;
  auto opened = open_postgres_feed(*std::move(options), runtime_, runtime_);
  if (!opened) return std::unexpected(std::move(opened.error()));
  return Running{.config = feed,
                 .cover = std::make_unique<FeedCover>(engine_, std::move(cover)),
                 .feed = std::move(*opened),
                 .began = runtime_.now()};
}

Result<void> Feeds::start(const config::Config& config, const Bindings& bindings) {
  {
    const std::scoped_lock lock(mutex_);
    const bool is_same = std::ranges::equal(config.feeds, running_, {}, {}, &Running::config);
    if (is_same) return {};
  }
  std::vector<Running> next;
  for (const config::FeedConfig& feed : config.feeds) {
    auto opened = open(config, feed, bindings);
    if (!opened) {
      for (const Running& one : next) one.cover->uncover();
      return failure(opened.error().code, "feeds." + feed.name + ": " + opened.error().what);
    }
    next.push_back(std::move(*opened));
  }
  end();
  for (Running& one : next) one.feed->begin(*one.cover);
  const std::scoped_lock lock(mutex_);
  running_ = std::move(next);
  return {};
}

void Feeds::end() {
  std::vector<Running> running;
  {
    const std::scoped_lock lock(mutex_);
    running.swap(running_);
  }
  for (Running& one : running) {
    one.feed->close();
    one.cover->uncover();
  }
}

http::FeedView Feeds::view(const Running& running) const {
  http::FeedView view{.name = running.config.name, .health = running.feed->health()};
  const Instant proved = running.cover->last_proved();
  const Instant now = runtime_.now();
  if (proved != Instant::min()) view.proved_ago = std::max(Duration::zero(), now - proved);
  view.is_behind = !view.proved_ago || *view.proved_ago >= running.config.cover.bound;
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
      log_info(fmt::format("feed {}: it tells of all changes", one.config.name));
      continue;
    }
    const bool bypasses = one.config.cover.when_behind == FeedCoverOptions::Behind::bypass;
    log_warning(fmt::format(
        "feed {}: it is behind{}; the policies that it covers are answered {}", one.config.name,
        now.health.trouble.empty() ? "" : " (" + now.health.trouble + ")",
        bypasses ? "by their source meanwhile" : "within their own times, and may miss changes"));
  }
}

}  // namespace headrace::app
