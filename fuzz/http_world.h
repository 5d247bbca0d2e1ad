// fuzz/http_world.h: for the HTTP target: a source that is a map, and one connection to a server.
//
// The server is the real one behind its listener: session, parser, router, routes and engine.  In
// place of an accepted socket it is given one end of a socket pair.
//
// Threads:   a World is made and used on the target's thread; the server runs on the runtime's one.
// Errors:    what must hold is demanded.
// Lifetimes: what a World borrows, the runtime, lives as long as the program.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "headrace/source.h"
#include "server/http/api.h"
#include "server/http/session.h"

namespace headrace::fuzz {

// Truth: each entity a map of fields.  "fails" fails, "null" is null, what is not there is absent.
class Truth final : public Source {
 public:
  Truth();

  Task<Result<Fetched>> fetch(Fetch fetch) override;
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override;
  [[nodiscard]] std::vector<Dependency> dependencies() const override;
  [[nodiscard]] bool is_writable() const noexcept override { return true; }
  Task<Result<Written>> write(Write write) override;

  // How many writes have changed something.
  [[nodiscard]] std::size_t changes() const noexcept { return states_.size() - 1; }
  // What a read is answered after the first `changes` of them; null if there is no such entity.
  [[nodiscard]] std::optional<std::string> value(const std::string& entity,
                                                 std::size_t changes) const;

 private:
  using Fields = std::map<std::string, std::string>;
  using State = std::map<std::string, Fields>;
  [[nodiscard]] Result<Fetched> look_up(const std::string& entity) const;

  std::vector<State> states_;  // After each change; the first is before any.
};

// Small, so that they are reached.
[[nodiscard]] wire::HttpLimits http_limits();

class World {
 public:
  World();
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Sends `bytes` on a new connection, then the end, and returns all that comes back.  Demands that
  // the server closes the connection.
  [[nodiscard]] std::string exchange(std::string_view bytes);

  [[nodiscard]] const Truth& truth() const noexcept { return *truth_; }

 private:
  void define(std::string name, std::vector<std::string> tags);

  std::shared_ptr<Truth> truth_ = std::make_shared<Truth>();
  Engine engine_;
  http::Api api_;
};

}  // namespace headrace::fuzz
