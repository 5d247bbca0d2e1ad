// server/resp/batch.h: commands that must wait for records, done together, answered in their order.
//
// Commands that came one after another are joined: all that only look, into one read; any that
// change something, into one edit with those around them, so that a pipeline pays for one commit
// and not for one a command.  Each is whole by itself.  Where the join is refused, because it needs
// more of the quota or more keys at once than can be had, each is made alone, in the same order.
// A transaction is the same without that way out, and it looks first whether what was watched has
// changed.
//
// Threads:   belongs to one session; what it runs on is the thread on which its records end.
// Errors:    said in the replies: of a command that it could not be done, never that nothing is
//            there.
// Lifetimes: the arguments of its commands must live until it has run.  One run at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/keyspace.h"
#include "server/resp/command.h"

namespace headrace::resp {

// What Redis calls an error: "OOM command not allowed ...".
[[nodiscard]] std::string text_of(const Error& error);

// What a client has seen of a record: what it holds, and when it ends.
struct Watched {
  RecordKey key;
  std::uint64_t content_version = 0;  // 0: there was nothing.
  WallTime expires = Record::never;

  Watched(RecordKey key, const Record* record);
  [[nodiscard]] bool is_still(const Record* record) const noexcept;
};

class Batch {
 public:
  static constexpr std::size_t commands_max = 128;
  static constexpr std::size_t keys_max = Records::edit_keys_max;
  static constexpr std::size_t bytes_max = 4 << 20;  // Of arguments, beyond which no more join.

  Batch(Keyspace& keyspace, std::size_t reply_bytes_max) noexcept
      : keyspace_(keyspace), reply_bytes_max_(reply_bytes_max) {}

  [[nodiscard]] bool is_empty() const noexcept { return entries_.empty(); }
  // No more commands should join.
  [[nodiscard]] bool is_full() const noexcept;

  // A command on records.  `who` asks; the keys stand in the space "default" of their tenant.
  // REQUIRES: keys_of() of the same finds nothing wrong; one tenant and version for all.
  void add(const Command& command, Args args, const IdentityRef& who, int version);
  // What was said at once, to stand in its place among the replies.
  void say(std::string_view reply);
  // A command of a transaction that is made when its records are.
  void add_at_once(const Command& command, Args args);
  // The reply to the last one will not be sent.
  void mute_last() noexcept { entries_.back().is_muted = true; }

  // Runs them, and leaves the replies in replies().
  [[nodiscard]] Task<void> run();
  // The same as one: all or nothing, and nothing if something of `watched` has changed.
  // REQUIRES: who asks was given by add(), or is `who`.
  [[nodiscard]] Task<void> run_as_one(std::vector<Watched> watched, IdentityRef who, int version,
                                      Service* service, Client* client);

  [[nodiscard]] const std::string& replies() const noexcept { return replies_; }
  // More was to be said than a client may be sent: what was is lost, and the connection with it.
  [[nodiscard]] bool has_overflowed() const noexcept { return has_overflowed_; }
  // How many commands there are, of all kinds.
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  void clear() noexcept;

 private:
  struct Entry {
    const Command* command = nullptr;  // Null: `text` is the reply.
    std::size_t first_arg = 0;
    std::size_t args = 0;
    std::string text{};
    std::size_t reply_begin = 0;  // In said_.
    bool is_muted = false;
  };
  struct Span {
    std::size_t first = 0;
    std::size_t last = 0;  // Behind the last one.
  };

  [[nodiscard]] Args args_of(const Entry& entry) const noexcept {
    return std::span(args_).subspan(entry.first_arg, entry.args);
  }
  [[nodiscard]] static bool is_on_records(const Entry& entry) noexcept;
  [[nodiscard]] bool is_alone(Span span) const noexcept;
  void gather_keys(Span span);
  // Does what can only be done together, or says why it was not.
  [[nodiscard]] Task<Result<void>> attempt(Span span, bool as_one);
  void work(Span span, Workspace* workspace, std::span<const RecordRef> found);
  [[nodiscard]] bool work_on(Workspace& workspace, Span span);
  void append_replies(Span span);
  void append_failure(Span span, const Error& error);

  Keyspace& keyspace_;
  std::size_t reply_bytes_max_;
  IdentityRef who_;
  int version_ = 2;
  std::vector<std::string_view> args_;
  std::size_t arg_bytes_ = 0;
  std::size_t key_count_ = 0;
  std::vector<Entry> entries_;

  std::vector<RecordKey> keys_;     // Distinct, of the span at hand.
  std::vector<std::size_t> slots_;  // Of each key of each command, one after another.
  std::vector<Watched> watched_;
  bool watch_failed_ = false;
  bool has_overflowed_ = false;
  std::string said_;
  std::string replies_;
};

// What a client may name as a key: its bytes; else what is wrong.
[[nodiscard]] std::optional<std::string_view> fault_of_key(const Identity& who,
                                                           std::string_view key);
// The same of all keys of a command.
[[nodiscard]] std::optional<std::string_view> fault_of_keys(const Identity& who,
                                                            const Command& command, Args args);

inline constexpr std::string_view default_space = "default";

}  // namespace headrace::resp
