// feeds/sqlite/reading.h: a connection that reads from the outbox, and removes what is done with.
//
// Threads:   belongs to one thread.
// Errors:    as outbox::Reading.
// Lifetimes: borrows clock and bell.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "feeds/outbox/reading.h"
#include "feeds/sqlite/post.h"
#include "headrace/clock.h"
#include "headrace/feeds/sqlite.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "io/bell.h"
#include "sqlite/connection.h"

namespace headrace::sqlite::feed {

using outbox::Look;  // Its moment is the number of the last row.
using outbox::Portion;
using outbox::Removed;

class Reading final : public outbox::Reading {
 public:
  [[nodiscard]] static Result<std::unique_ptr<outbox::Reading>> open(
      const SqliteFeedOptions& options, const Clock& clock, const io::Bell& bell);

  [[nodiscard]] Result<Look> look(const std::string& moment) override;
  [[nodiscard]] Result<std::string> lack() override;
  [[nodiscard]] Result<bool> become_consumer() override;
  [[nodiscard]] Result<Portion> read() override;
  [[nodiscard]] Result<Removed> remove(const Portion& portion) override;
  [[nodiscard]] Result<void> remove_all(const std::string& moment) override;
  [[nodiscard]] Result<void> record(const std::string& state) override;
  [[nodiscard]] Result<void> forget() override;
  // Somebody has committed something, asked for when the bell has rung.
  [[nodiscard]] Result<bool> hear() override;
  void wait(Instant until) override;

  // Use open().
  Reading(const SqliteFeedOptions& options, const Clock& clock, const io::Bell& bell,
          Connection connection, Post post, std::string file);

 private:
  // What a look has seen, as long as nobody commits anything.
  struct Seen {
    std::int64_t version = 0;
    std::string identity{};
    std::uint64_t acknowledged = 0;
    std::uint64_t oldest = 0;  // Of the rows; 0: there are none.
    Look look{};
  };
  [[nodiscard]] Result<void> set_up();
  static int on_busy(void* self, int times);
  [[nodiscard]] bool rest_for_writer(int times);
  [[nodiscard]] Result<void> check_file();
  [[nodiscard]] Result<std::int64_t> data_version();
  [[nodiscard]] Result<void> look_anew();
  [[nodiscard]] Result<void> see_feed(Seen& seen);
  [[nodiscard]] Result<void> see_rows(Seen& seen);
  [[nodiscard]] Result<std::uint64_t> remove_some(std::uint64_t last, std::string_view where);
  [[nodiscard]] Result<void> acknowledge(std::uint64_t last);

  const SqliteFeedOptions options_;
  const Clock& clock_;
  const io::Bell& bell_;
  Connection connection_;
  Post post_;
  const std::string file_;   // Which it is.
  const std::string table_;  // The outbox, in quotes.
  Statement data_version_;
  bool has_seen_ = false;  // Nothing was written by this one since.
  Seen seen_;
  bool has_rung_ = false;
  Instant busy_since_{};
};

}  // namespace headrace::sqlite::feed
