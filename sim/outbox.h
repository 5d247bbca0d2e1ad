// sim/outbox.h: a source's stream of changes: a table beside what is true, and a feed at each host.
//
// Every commit leaves a row behind, whoever makes it, until somebody acknowledges it.  What records
// them may be switched off: then nobody can say what has changed meanwhile, and the state that all
// find afterwards is another than the one that was acknowledged last.  One host at a time is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headrace/feed.h"
#include "sim/link.h"

namespace headrace::sim {

class Outbox {
 public:
  // A consumer that is not heard of for so long is one no more.
  static constexpr Duration silent_max = std::chrono::seconds(1);
  // So many rows are told at once.
  static constexpr std::size_t rows_max = 32;

  explicit Outbox(Timeline& timeline) : timeline_(timeline) {}

  struct Row {
    std::uint64_t number = 0;
    std::size_t entity = 0;
  };
  // In the very commit.
  void record(std::size_t entity);
  void switch_off();
  void switch_on();
  // What has not been acknowledged is gone.
  void truncate();

  // All of one moment.
  struct Seen {
    bool is_consumer = false;  // Who looks is the one who is told.
    bool is_lacking = false;   // It is switched off.
    bool is_lost = false;      // The state has not been acknowledged.
    std::uint64_t state = 0;
    std::uint64_t newest = 0;       // The number of the newest row that there ever was.
    std::uint64_t oldest_open = 0;  // None: all are acknowledged.
    std::size_t open = 0;
    std::vector<Row> rows{};  // The oldest that are open, for the consumer.
  };
  [[nodiscard]] Seen look(HostId who);
  // False: who says so is not the consumer any more.
  bool acknowledge(HostId who, const std::vector<Row>& rows, std::uint64_t state);

 private:
  [[nodiscard]] bool is_consumer(HostId who);

  Timeline& timeline_;
  std::vector<Row> open_;
  std::uint64_t newest_ = 0;
  int off_ = 0;
  std::uint64_t state_ = 1;  // Nobody has acknowledged the first one.
  std::uint64_t acknowledged_ = 0;
  std::optional<HostId> consumer_;
  Instant heard_of_{};
};

// The feed as one host has it.  It looks again and again.
class OutboxFeed final : public Feed {
 public:
  OutboxFeed(Outbox& outbox, Link& link, Host& host, Duration look_every)
      : outbox_(outbox), link_(link), host_(host), look_every_(look_every) {}

  void begin(FeedListener& listener) override;
  [[nodiscard]] FeedHealth health() const override { return health_; }
  void close() override { closed_ = true; }
  // Nothing is being told.
  [[nodiscard]] bool is_quiet() const noexcept { return looking_ == 0; }

 private:
  void look_at(Instant when);
  [[nodiscard]] Task<void> look();
  // True if all that was seen has been acknowledged.
  [[nodiscard]] Task<bool> tell(Outbox::Seen seen);
  void prove(Instant asked, const Outbox::Seen& seen, bool all_told);

  // A look of which rows were open: it proves once none of them is.
  struct Open {
    Instant asked{};
    std::uint64_t newest = 0;
  };

  Outbox& outbox_;
  Link& link_;
  Host& host_;
  const Duration look_every_;
  FeedListener* listener_ = nullptr;
  FeedHealth health_{};
  std::optional<Open> before_;
  bool closed_ = false;
  int looking_ = 0;
};

}  // namespace headrace::sim
