// serve/feeds.h: the feeds of a configuration, running, and the policies that they cover.
//
// Threads:   belongs to one thread; views() may be called from any.
// Errors:    start() tells which feed cannot be opened, and why.
// Lifetimes: borrows engine and runtime; ended before the runtime stops and the engine is closed.
#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/config.h"
#include "headrace/engine.h"
#include "headrace/feed_cover.h"
#include "headrace/runtime.h"
#include "serve/bindings.h"
#include "server/http/feeds.h"

namespace headrace::app {

// A feed's options, complete.
[[nodiscard]] Result<config::FeedOptions> feed_options(const config::Config& config,
                                                       const config::FeedConfig& feed);

class Feeds {
 public:
  Feeds(Engine& engine, Runtime& runtime) : engine_(engine), runtime_(runtime) {}
  ~Feeds() { end(); }
  Feeds(const Feeds&) = delete;
  Feeds& operator=(const Feeds&) = delete;

  // Ends those that run, and starts those of the configuration, unless they are the same.
  // REQUIRES: the engine has its policies.
  [[nodiscard]] Result<void> start(const config::Config& config, const Bindings& bindings);
  void end();

  [[nodiscard]] std::vector<http::FeedView> views() const;
  // Says in the log what has changed since it was asked last.
  void watch();

 private:
  // A feed's options, complete: what two feeds have in common that are the same.
  struct Wanted {
    std::string name{};
    config::FeedOptions feed{};
    FeedCoverOptions cover{};

    friend bool operator==(const Wanted&, const Wanted&) = default;
  };
  struct Running {
    Wanted wanted{};
    std::unique_ptr<FeedCover> cover{};
    std::unique_ptr<Feed> feed{};
    Instant began{};
    bool was_told = false;  // Of its state.
    bool was_behind = true;
  };
  [[nodiscard]] static Result<std::vector<Wanted>> wanted_of(const config::Config& config,
                                                             const Bindings& bindings);
  void replace(std::vector<Running> next);
  [[nodiscard]] http::FeedView view(const Running& running) const;

  Engine& engine_;
  Runtime& runtime_;
  mutable std::mutex mutex_;
  std::vector<Running> running_;
};

}  // namespace headrace::app
