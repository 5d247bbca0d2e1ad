// headrace/records.h: the port to what keeps clients' own records: sessions, counters, values.
//
// A record is the truth and not a copy of it: nobody else has it.  So, unlike a Store, this loses
// nothing that it has acknowledged, evicts nothing, and tells "there is none" from "nobody can say
// now".  It keeps what it is given and decides nothing: a record past its end is still kept until
// somebody removes it, and whoever reads judges.
//
// All changes go through edit(): it reads the records under some keys, hands them to an editor, and
// makes what that wants of them, all or nothing, as if nobody else were there.  What a client can
// do (add to a number, replace if unchanged, merge two fields, rename) is an editor.
//
// Threads:   every member may be called from any thread; a task ends on any thread.
// Errors:    store_unavailable when it cannot be done now; an edit that failed so may nevertheless
//            have been made.  refused: a queue is full, nothing was done.  over_quota: nothing was
//            done.  not_allowed: an edit of several keys, or a list, where these cannot be had.
// Lifetimes: arguments are taken by value and belong to the task, but what an editor refers to must
//            outlive the task.  Records must outlive their tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"

namespace headrace {

using TenantId = std::uint32_t;
inline constexpr TenantId system_tenant = 0;  // Headrace's own records; no client is it.

// Tenant, space and the client's key, injectively: each stands behind its length or has a fixed
// one.  All keys of a tenant, and of a space, have a prefix in common.
class RecordKey {
 public:
  static constexpr std::size_t key_bytes_max = 1024;
  static constexpr std::size_t space_bytes_max = 64;

  // REQUIRES: space and key are within their limits; a prefix may be empty, a key is not.
  RecordKey(TenantId tenant, std::string_view space, std::string_view key);
  // From bytes() of another.
  [[nodiscard]] static Result<RecordKey> parse(std::string_view bytes);
  // What bytes() of such a key would be, in the place of what `into` held: for who asks often and
  // will not allocate.
  static void write(std::string& into, TenantId tenant, std::string_view space,
                    std::string_view key);

  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  [[nodiscard]] TenantId tenant() const noexcept;
  [[nodiscard]] std::string_view space() const noexcept;
  [[nodiscard]] std::string_view key() const noexcept;

  friend bool operator==(const RecordKey&, const RecordKey&) = default;
  friend auto operator<=>(const RecordKey&, const RecordKey&) = default;

 private:
  explicit RecordKey(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string bytes_;
};

struct Record {
  enum class Kind : std::uint8_t { value, map };
  static constexpr WallTime never = WallTime::max();

  Kind kind = Kind::value;
  std::string value{};  // Of a value: any bytes.
  // Of a map: distinct names in the order in which they came, each with any bytes.
  std::vector<std::pair<std::string, std::string>> fields{};
  std::string content_type{};  // As its writer said; empty: bytes.

  // Given by the records when they keep it: it grows with each change of the key, and is never one
  // that the key had before, though it was removed in between.
  std::uint64_t version = 0;
  // The version that its value, fields or content type were last changed at; zero: this one.  Kept
  // as it is given.
  std::uint64_t content_version = 0;
  WallTime created{};
  WallTime updated{};
  WallTime expires = never;
  Duration idle{0};       // If not zero: each access moves the end to that much later ...
  WallTime ends = never;  // ... but no further than this.
  WallTime accessed{};    // As last written down.
};
using RecordRef = std::shared_ptr<const Record>;  // Null: there is none.

// What clients compare: it grows with what they wrote, and stays when only times moved.
[[nodiscard]] inline std::uint64_t content_version_of(const Record& record) noexcept {
  return record.content_version == 0 ? record.version : record.content_version;
}

// What a record counts in a tenant's bytes.
[[nodiscard]] std::size_t charged_bytes(std::string_view key, const Record& record) noexcept;

class Records {
 public:
  virtual ~Records() = default;

  // What memory can say this instant of the record under bytes() of a key: null if it cannot; a
  // null reference if there is none.  What it says was true at some moment of the call.
  [[nodiscard]] virtual std::optional<RecordRef> peek(
      [[maybe_unused]] std::string_view key) const noexcept {
    return std::nullopt;
  }

  // The records under the keys, in their order.  Each is what it was at some moment of the call;
  // of several keys not the same one.
  [[nodiscard]] virtual Task<Result<std::vector<RecordRef>>> read(std::vector<RecordKey> keys) = 0;

  // What becomes of the record under one key.
  struct Change {
    enum class What : std::uint8_t { keep, put, remove };
    What what = What::keep;
    Record record{};  // If put; its version does not count.
  };
  // Is given the records under the keys, in their order, and says what becomes of each; none:
  // nothing is changed.  May be called several times, on any thread, and only the last counts.
  // Short, and does not wait.
  using Editor = std::function<std::optional<std::vector<Change>>(const std::vector<RecordRef>&)>;
  // What a tenant may have; zero is no limit.
  struct Ceiling {
    std::uint64_t records_max = 0;
    std::uint64_t bytes_max = 0;
  };
  // Durable once acknowledged, as far as options say.  Returns what is under the keys afterwards.
  // A change that makes a tenant's use grow beyond its ceiling is refused; one that lets it shrink
  // never is.  REQUIRES: distinct keys of one tenant, 1 to edit_keys_max of them.
  static constexpr std::size_t edit_keys_max = 1024;
  [[nodiscard]] virtual Task<Result<std::vector<RecordRef>>> edit(std::vector<RecordKey> keys,
                                                                  Editor editor,
                                                                  Ceiling ceiling) = 0;

  // Some of the keys that begin with `prefix`, and where to go on.  Each that is there from the
  // first page to the last is on one of them; one may come twice.
  struct Page {
    std::vector<RecordKey> keys{};
    std::string next{};  // What to go on from; empty after the last page.
  };
  static constexpr std::size_t page_keys_max = 4096;
  [[nodiscard]] virtual Task<Result<Page>> list(RecordKey prefix, std::string from,
                                                std::size_t keys_max) = 0;

  // Some keys of records whose time was over at `at`, if nothing else frees them.
  [[nodiscard]] virtual Task<Result<std::vector<RecordKey>>> expired(WallTime at,
                                                                     std::size_t keys_max) = 0;

  // What a tenant has, expired records that were not yet removed included.
  struct Usage {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] virtual Task<Result<Usage>> usage(TenantId tenant) = 0;

  // Whether others may change them at the same time.
  [[nodiscard]] virtual bool is_shared() const noexcept = 0;

  struct Health {
    std::uint64_t edits_total = 0;
    std::uint64_t failed_total = 0;
    std::string trouble{};  // What is wrong now, in words; empty if nothing is.
  };
  [[nodiscard]] virtual Health health() const = 0;

  // Ends all work of its own.  What was acknowledged is safe.  Idempotent.
  virtual void close() = 0;
};

}  // namespace headrace
